//! Windows over business days as callers see them: late and early events, and days that pass.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq"), customer("C-2", "/hq")]).await;
    bank.register(&["salary", "card_payment"], &[]).await;
    bank
}

async fn set_clock(bank: &Bank, revision: i64, seconds: i64) {
    let request = pb::UpdateTenantRequest { revision, clock: Some(fixed(seconds)), ..Default::default() };
    bank.tenants().update_tenant(bank.service(request)).await.unwrap();
}

#[tokio::test]
async fn a_window_is_today_and_the_days_before_in_business_days() {
    let bank = open().await;
    // Shanghai's 2024-06-15 began at 16:00 UTC of the 14th, twelve hours before noon.
    let midnight = NOON - DAY / 2;
    bank.ingest(vec![
        event("first", "card_payment", midnight - 29 * DAY, 1),
        event("before", "card_payment", midnight - 29 * DAY - 1, 10),
        event("tomorrow", "card_payment", midnight + DAY, 100),
        event("long_ago", "card_payment", midnight - 3000 * DAY, 1000),
    ])
    .await;
    assert_eq!(bank.number("C-1", "card_sum_30d").await, Some(1.0));
    assert_eq!(bank.number("C-1", "outflow_sum_90d").await, Some(11.0));
    assert_eq!(bank.number("C-1", "outflow_sum_ever").await, Some(1011.0));
    assert_eq!(bank.number("C-1", "active_days_90d").await, Some(2.0));
    assert_eq!(bank.number("C-2", "txn_count_30d").await, Some(0.0));
    assert_eq!(bank.number("C-2", "outflow_max_30d").await, None);
}

#[tokio::test]
async fn days_that_pass_leave_windows_and_enter_them() {
    let bank = open().await;
    let events = vec![
        event("early", "card_payment", NOON + DAY, 100),
        event("now", "card_payment", NOON, 10),
        event("leaving", "card_payment", NOON - 29 * DAY, 1),
    ];
    bank.ingest(events).await;
    assert_eq!(bank.number("C-1", "card_sum_30d").await, Some(11.0));
    set_clock(&bank, 1, NOON + DAY).await;
    eventually(async || bank.number("C-1", "card_sum_30d").await == Some(110.0)).await;
    set_clock(&bank, 2, NOON + 400 * DAY).await;
    eventually(async || bank.number("C-1", "txn_count_365d").await == Some(0.0)).await;
    assert_eq!(bank.number("C-1", "outflow_sum_ever").await, Some(111.0));
    set_clock(&bank, 3, NOON).await;
    eventually(async || bank.number("C-1", "card_sum_30d").await == Some(11.0)).await;
    assert_eq!(bank.number("C-1", "outflow_sum_ever").await, Some(11.0));
}

#[tokio::test]
async fn a_late_event_counts_after_days_have_passed() {
    let bank = open().await;
    bank.ingest(vec![event("1", "salary", NOON, 10)]).await;
    set_clock(&bank, 1, NOON + 3 * DAY).await;
    bank.ingest(vec![event("2", "salary", NOON - DAY, 5), event("3", "salary", NOON + 2 * DAY, 7)]).await;
    assert_eq!(bank.number("C-1", "salary_count_90d").await, Some(3.0));
    assert_eq!(bank.number("C-1", "inflow_sum_ever").await, Some(22.0));
}

#[tokio::test]
async fn a_tag_leaves_the_vector_when_it_ends() {
    let bank = open().await;
    let tag =
        pb::Tag { name: "new".into(), source: "rule:1".into(), expire_time: Some(at(NOON + 60)), ..Default::default() };
    let attach = pb::AttachTagRequest { customer_id: "C-1".into(), tag: Some(tag) };
    bank.tags().attach_tag(bank.service(attach)).await.unwrap();
    let before = bank.profile("C-1").await;
    assert_eq!(before.tags.len(), 1);
    set_clock(&bank, 1, NOON + 60).await;
    eventually(async || bank.profile("C-1").await.position != before.position).await;
    assert!(bank.profile("C-1").await.tags.is_empty());
}

#[tokio::test]
async fn late_early_and_shuffled_events_go_to_their_own_days() {
    let bank = open().await;
    let midnight = NOON - DAY / 2;
    bank.ingest(vec![event("after", "card_payment", midnight, 1), event("next", "card_payment", NOON + 2 * DAY, 10)])
        .await;
    bank.ingest(vec![event("before", "card_payment", midnight - 1, 100)]).await;
    bank.ingest(vec![event("late", "card_payment", NOON - 400 * DAY, 1000)]).await;
    assert_eq!(bank.number("C-1", "card_sum_30d").await, Some(101.0));
    assert_eq!(bank.number("C-1", "active_days_90d").await, Some(2.0), "one on either side of midnight");
    assert_eq!(bank.number("C-1", "txn_count_365d").await, Some(2.0));
    assert_eq!(bank.number("C-1", "outflow_sum_ever").await, Some(1101.0));
    set_clock(&bank, 1, NOON + 2 * DAY).await;
    eventually(async || bank.number("C-1", "card_sum_30d").await == Some(111.0)).await;
    set_clock(&bank, 2, NOON + 29 * DAY).await;
    eventually(async || bank.number("C-1", "card_sum_30d").await == Some(11.0)).await;
}
