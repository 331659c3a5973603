//! TenantService.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

fn create(request_id: &str, tenant: pb::Tenant) -> pb::CreateTenantRequest {
    pb::CreateTenantRequest { request_id: request_id.into(), tenant: Some(tenant) }
}

fn named(display_name: &str) -> pb::Tenant {
    pb::Tenant { display_name: display_name.into(), ..Default::default() }
}

#[tokio::test]
async fn a_tenant_is_created_once_by_its_request() {
    let bank = Bank::open_empty().await;
    let mut tenants = bank.tenants();
    let first = tenants.create_tenant(bank.service(create("r-1", named("Bank")))).await.unwrap().into_inner();
    let again = tenants.create_tenant(bank.service(create("r-1", named("Other")))).await.unwrap().into_inner();
    assert_eq!(first, again);
    let tenant = first.tenant.unwrap();
    assert_eq!((tenant.time_zone.as_str(), tenant.currency.as_str()), ("Asia/Shanghai", "CNY"));
    assert_eq!((tenant.tenant_id.as_str(), tenant.revision), ("bank", 1));
    assert_eq!(refused(tenants.create_tenant(bank.service(create("r-2", named("Bank")))).await), TAKEN);
    bank.close().await;
}

#[tokio::test]
async fn faulty_settings_are_all_named_and_nothing_is_written() {
    let bank = Bank::open_empty().await;
    let faulty = pb::Tenant { time_zone: "Mars/Olympus".into(), currency: "yuan".into(), ..named("") };
    let answer = bank.tenants().create_tenant(bank.service(create("", faulty))).await;
    let expected = ["request_id", "tenant.display_name", "tenant.time_zone", "tenant.currency"];
    assert_eq!(fields(answer), expected);
    assert_eq!(refused(bank.tenants().get_tenant(bank.service(pb::GetTenantRequest {})).await), MISSING);
}

#[tokio::test]
async fn business_time_follows_the_clock_that_is_set() {
    let bank = Bank::open().await;
    let read = bank.tenants().get_tenant(bank.service(pb::GetTenantRequest {})).await.unwrap().into_inner();
    assert_eq!((read.business_day.as_str(), read.business_time), ("2024-06-15", Some(at(NOON))));
    let update = |revision| pb::UpdateTenantRequest { revision, clock: Some(fixed(NOON + DAY)), ..Default::default() };
    let changed = bank.tenants().update_tenant(bank.service(update(1))).await.unwrap().into_inner();
    assert_eq!(changed.tenant.unwrap().revision, 2);
    let read = bank.tenants().get_tenant(bank.service(pb::GetTenantRequest {})).await.unwrap().into_inner();
    assert_eq!(read.business_day, "2024-06-16");
    assert_eq!(refused(bank.tenants().update_tenant(bank.service(update(1))).await), STALE);
    assert_eq!(fields(bank.tenants().update_tenant(bank.service(update(0))).await), ["revision"]);
    assert_eq!(refused(bank.tenants().update_tenant(bank.service_of("none", update(1))).await), MISSING);
}

#[tokio::test]
async fn an_offset_moves_the_clock() {
    let bank = Bank::open().await;
    let offset = prost_types::Duration { seconds: -3650 * DAY, nanos: 0 };
    let clock = Some(pb::BusinessClock { source: Some(pb::business_clock::Source::Offset(offset)) });
    let changed = bank
        .tenants()
        .update_tenant(bank.service(pb::UpdateTenantRequest { revision: 1, clock, ..Default::default() }))
        .await
        .unwrap();
    assert_eq!(changed.into_inner().tenant.unwrap().clock, clock);
}

#[tokio::test]
async fn only_an_administrator_changes_a_tenant() {
    let bank = Bank::open().await;
    let update = pb::UpdateTenantRequest { revision: 1, ..Default::default() };
    assert_eq!(refused(bank.tenants().update_tenant(bank.manager("/", update)).await), NO_PERMISSION);
    let update = bank.user("bank", "admin", "/", update);
    assert!(bank.tenants().update_tenant(update).await.is_ok());
}
