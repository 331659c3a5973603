//! HoldingService.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

fn holding(holding_id: &str, kind: &str, balance_minor: i64) -> pb::Holding {
    pb::Holding {
        holding_id: holding_id.into(),
        customer_id: "C-1".into(),
        kind: kind.into(),
        open_day: "2024-01-31".into(),
        balance_minor,
        ..Default::default()
    }
}

async fn import(bank: &Bank, holdings: Vec<pb::Holding>) -> pb::ImportHoldingsResponse {
    let request = pb::ImportHoldingsRequest { holdings };
    bank.holdings().import_holdings(bank.service(request)).await.unwrap().into_inner()
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank
}

#[tokio::test]
async fn holdings_are_replaced_by_their_id_and_counted_while_open() {
    let bank = open().await;
    let closed = pb::Holding { close_day: "2024-06-15".into(), ..holding("L-1", "loan", 900) };
    let later = pb::Holding { open_day: "2024-06-16".into(), ..holding("F-1", "fund", 70) };
    let done = import(&bank, vec![holding("A-1", "account", 100), closed, later]).await;
    assert_eq!((done.created, done.updated, done.faults.len()), (3, 0, 0));
    assert_eq!(bank.number("C-1", "holding_count").await, Some(1.0));
    let done = import(&bank, vec![holding("A-1", "account", 250)]).await;
    assert_eq!((done.created, done.updated), (0, 1));
    assert_eq!(bank.number("C-1", "deposit_balance").await, Some(250.0));
    let request = pb::UpdateTenantRequest { revision: 1, clock: Some(fixed(NOON + DAY)), ..Default::default() };
    bank.tenants().update_tenant(bank.service(request)).await.unwrap();
    eventually(async || bank.number("C-1", "holding_count").await == Some(2.0)).await;
}

#[tokio::test]
async fn bad_holdings_are_named_and_the_rest_land() {
    let bank = open().await;
    import(&bank, vec![holding("A-1", "account", 1)]).await;
    let moved = pb::Holding { customer_id: "C-2".into(), ..holding("A-1", "account", 1) };
    let nobodys = pb::Holding { customer_id: "C-9".into(), ..holding("A-2", "account", 1) };
    let unkind = holding("A-3", "", 1);
    let closed = pb::Holding { close_day: "2024-01-30".into(), ..holding("A-4", "card", 1) };
    let twice = holding("A-5", "card", 1);
    let done = import(&bank, vec![moved, nobodys, unkind, closed, twice.clone(), twice]).await;
    let mut faults: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    faults.sort_unstable();
    let expected = ["[0].customer_id", "[1].customer_id", "[2].kind", "[3].close_day", "[5].holding_id"];
    assert_eq!(faults, expected.map(|field| format!("holdings{field}")));
    assert_eq!((done.created, done.updated), (1, 0));
    let none = pb::ImportHoldingsRequest::default();
    assert_eq!(fields(bank.holdings().import_holdings(bank.service(none)).await), ["holdings"]);
}

#[tokio::test]
async fn a_list_goes_on_where_its_page_ended() {
    let bank = open().await;
    import(&bank, (0..5).map(|n| holding(&format!("A-{n}"), "account", n)).collect()).await;
    let list = |page_token: String, customer_id: &str| {
        bank.service(pb::ListHoldingsRequest { customer_id: customer_id.into(), page_size: 3, page_token })
    };
    let first = bank.holdings().list_holdings(list(String::new(), "C-1")).await.unwrap().into_inner();
    let token = first.next_page_token;
    let rest = bank.holdings().list_holdings(list(token.clone(), "C-1")).await.unwrap().into_inner();
    let ids: Vec<_> = first.holdings.iter().chain(&rest.holdings).map(|row| row.holding_id.as_str()).collect();
    assert_eq!(ids, ["A-0", "A-1", "A-2", "A-3", "A-4"]);
    assert_eq!(refused(bank.holdings().list_holdings(list(token, "C-2")).await), BAD_TOKEN);
    assert_eq!(refused(bank.holdings().list_holdings(list(String::new(), "C-9")).await), MISSING);
}

#[tokio::test]
async fn another_branchs_holdings_are_out_of_reach() {
    let bank = open().await;
    let request = pb::ImportHoldingsRequest { holdings: vec![holding("A-1", "account", 1)] };
    assert_eq!(refused(bank.holdings().import_holdings(bank.manager("/hq/west", request)).await), OUT_OF_SCOPE);
    assert!(bank.profile("C-1").await.holdings.is_empty());
    let request = pb::ListHoldingsRequest { customer_id: "C-1".into(), ..Default::default() };
    assert_eq!(refused(bank.holdings().list_holdings(bank.manager("/hq/west", request)).await), OUT_OF_SCOPE);
}
