//! BulkService.

use huan_proto::profile::v1 as pb;
use prost_types::FieldMask;

use crate::bank::*;

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

/// A batch of a table of customers and their accounts.
fn batch(load_id: &str, rows: Vec<pb::BulkRow>) -> pb::LoadRowsRequest {
    let next_row = rows.last().map_or(1, |row| row.row + 1);
    pb::LoadRowsRequest {
        load_id: load_id.into(),
        source: "wide.csv".into(),
        source_hash: "h".into(),
        first_row: rows.first().map_or(1, |row| row.row),
        next_row,
        rows,
        customer_mask: mask(&["type", "owner_path", "person.name"]),
        holding_mask: mask(&["kind", "open_day", "balance_minor"]),
        ..Default::default()
    }
}

fn row(row: i64, customer_id: &str, balance_minor: i64) -> pb::BulkRow {
    let holding = pb::Holding {
        holding_id: format!("A-{customer_id}"),
        kind: "account".into(),
        open_day: "2020-01-01".into(),
        balance_minor,
        ..Default::default()
    };
    let customer = pb::Customer { customer_id: String::new(), ..customer("", "/hq/east") };
    let tag = pb::Tag { name: "vip".into(), source: "import:wide.csv".into(), ..Default::default() };
    pb::BulkRow {
        row,
        customer_id: customer_id.into(),
        customer: Some(customer),
        holdings: vec![holding],
        tags: vec![tag],
        ..Default::default()
    }
}

async fn load(bank: &Bank, request: pb::LoadRowsRequest) -> pb::LoadRowsResponse {
    bank.bulk().load_rows(bank.service(request)).await.unwrap().into_inner()
}

fn counts(answer: &pb::LoadRowsResponse) -> (i64, i64, i64, i64, i64) {
    let load = answer.load.as_ref().unwrap();
    (load.next_row, load.new_count, load.changed_count, load.same_count, load.refused_count)
}

fn named(answer: &pb::LoadRowsResponse) -> Vec<(i64, &str)> {
    answer.faults.iter().map(|fault| (fault.row, fault.field.as_str())).collect()
}

#[tokio::test]
async fn a_row_lands_whole_or_not_at_all() {
    let bank = Bank::open().await;
    let mut bad = row(2, "C-2", 5);
    bad.holdings[0].open_day = "2020-02-30".into();
    let mut alien = row(3, "C-3", 5);
    alien.holdings[0].holding_id = "A-C-1".into();
    let orphan = pb::BulkRow { customer: None, ..row(4, "C-4", 5) };
    let answer = load(&bank, batch("l-1", vec![row(1, "C-1", 700), bad, alien, orphan])).await;
    assert_eq!(counts(&answer), (5, 1, 0, 0, 3));
    assert_eq!(named(&answer), [(2, "holdings[0].open_day"), (3, "holdings[0].customer_id"), (4, "customer_id")]);
    assert_eq!(bank.number("C-1", "deposit_balance").await.or(bank.number("C-1", "total_balance").await), Some(700.0));
    assert_eq!(bank.profile("C-1").await.tags[0].name, "vip");
    let missing = pb::GetCustomerRequest { customer_id: "C-2".into() };
    assert_eq!(refused(bank.customers().get_customer(bank.service(missing)).await), MISSING);
}

#[tokio::test]
async fn what_a_table_does_not_say_stays_and_what_says_nothing_new_changes_nothing() {
    let bank = Bank::open().await;
    load(&bank, batch("l-1", vec![row(1, "C-1", 700), row(2, "C-2", 1)])).await;
    let before = bank.profile("C-1").await.customer.unwrap();
    assert_eq!(before.person.as_ref().unwrap().phone, "", "the mask does not name it");
    let again = load(&bank, batch("l-2", vec![row(1, "C-1", 700), row(2, "C-2", 1)])).await;
    assert_eq!(counts(&again), (3, 0, 0, 2, 0));
    assert_eq!(bank.profile("C-1").await.customer.unwrap(), before);
    let bare = |number, customer_id: &str, balance_minor| pb::BulkRow {
        customer: None,
        tags: Vec::new(),
        ..row(number, customer_id, balance_minor)
    };
    let balances = batch("l-3", vec![bare(1, "C-1", 900), bare(2, "C-2", 1)]);
    let balances = pb::LoadRowsRequest { holding_mask: mask(&["balance_minor"]), ..balances };
    assert_eq!(counts(&load(&bank, balances).await), (3, 0, 1, 1, 0));
    let after = bank.profile("C-1").await;
    assert_eq!((after.customer.unwrap(), after.holdings[0].balance_minor), (before, 900));
    assert_eq!(after.holdings[0].open_day, "2020-01-01");
}

#[tokio::test]
async fn several_rows_may_speak_of_one_customer() {
    let bank = Bank::open().await;
    let mut second = row(2, "C-1", 30);
    second.holdings[0].holding_id = "A-2".into();
    second.customer.as_mut().unwrap().person.as_mut().unwrap().name = "New".into();
    let answer = load(&bank, batch("l-1", vec![row(1, "C-1", 700), second])).await;
    assert_eq!(counts(&answer), (3, 1, 1, 0, 0));
    let profile = bank.profile("C-1").await;
    let customer = profile.customer.unwrap();
    assert_eq!((profile.holdings.len(), customer.person.unwrap().name.as_str(), customer.revision), (2, "New", 1));
}

#[tokio::test]
async fn a_dry_run_names_every_fault_and_writes_nothing() {
    let bank = Bank::open().await;
    let mut bad = row(2, "C-2", 5);
    (bad.holdings[0].open_day, bad.holdings[0].kind) = (String::new(), "Loan".into());
    let request = pb::LoadRowsRequest { dry_run: true, ..batch("l-1", vec![row(1, "C-1", 700), bad]) };
    let answer = load(&bank, request).await;
    assert_eq!(counts(&answer), (3, 1, 0, 0, 1));
    assert_eq!(named(&answer), [(2, "holdings[0].open_day"), (2, "holdings[0].kind")]);
    let get = pb::GetLoadRequest { load_id: "l-1".into() };
    assert_eq!(refused(bank.bulk().get_load(bank.service(get)).await), MISSING);
    let list = bank.customers().list_customers(bank.service(pb::ListCustomersRequest::default())).await.unwrap();
    assert!(list.into_inner().customers.is_empty());
}

#[tokio::test]
async fn a_load_goes_on_where_it_broke_off_and_ends() {
    let bank = Bank::open().await;
    load(&bank, batch("l-1", vec![row(1, "C-1", 1)])).await;
    let again = load(&bank, batch("l-1", vec![row(1, "C-1", 2)])).await;
    assert_eq!(counts(&again), (2, 1, 0, 0, 0), "the same batch again changes nothing");
    let ahead = batch("l-1", vec![row(3, "C-3", 1)]);
    assert_eq!(refused(bank.bulk().load_rows(bank.service(ahead)).await), WRONG_STATE);
    let other = pb::LoadRowsRequest { source_hash: "other".into(), ..batch("l-1", vec![row(2, "C-2", 1)]) };
    assert_eq!(refused(bank.bulk().load_rows(bank.service(other)).await), WRONG_STATE);
    let unread = pb::LoadRowsRequest { next_row: 5, last: true, ..batch("l-1", vec![row(2, "C-2", 1)]) };
    let answer = load(&bank, unread).await;
    assert_eq!(counts(&answer), (5, 2, 0, 0, 2));
    assert_eq!(answer.load.unwrap().state(), pb::LoadState::Done);
    let more = batch("l-1", vec![row(5, "C-5", 1)]);
    assert_eq!(refused(bank.bulk().load_rows(bank.service(more)).await), WRONG_STATE);
    let late = batch("l-2", vec![row(5, "C-5", 1)]);
    assert_eq!(refused(bank.bulk().load_rows(bank.service(late)).await), WRONG_STATE);
    let get = pb::GetLoadRequest { load_id: "l-1".into() };
    let got = bank.bulk().get_load(bank.service(get)).await.unwrap().into_inner().load.unwrap();
    assert_eq!((got.next_row, got.source.as_str()), (5, "wide.csv"));
}

#[tokio::test]
async fn consents_and_identities_land_with_their_row() {
    let bank = Bank::open().await;
    let phone = pb::Identity { namespace: "wecom".into(), value: "w-1".into(), ..Default::default() };
    let consent = pb::Consent {
        purpose: pb::Purpose::Marketing.into(),
        allowed: true,
        evidence: "form".into(),
        decide_time: Some(at(NOON - DAY)),
        ..Default::default()
    };
    let full = pb::BulkRow { identities: vec![phone.clone()], consents: vec![consent], ..row(1, "C-1", 1) };
    let taken = pb::BulkRow { identities: vec![phone], ..row(2, "C-2", 1) };
    let answer = load(&bank, batch("l-1", vec![full.clone(), taken])).await;
    assert_eq!(named(&answer), [(2, "identities[0]")]);
    let again = load(&bank, batch("l-2", vec![full])).await;
    assert_eq!(counts(&again), (2, 0, 0, 1, 0));
    let profile = bank.profile("C-1").await;
    assert_eq!(profile.consents.len(), 1);
}

#[tokio::test]
async fn a_customer_has_at_most_a_thousand_identities() {
    let bank = Bank::open().await;
    let identity = |n| pb::Identity { namespace: "account".into(), value: format!("A-{n}"), ..Default::default() };
    let twenty = |number, customer_id, first: i64| {
        let identities = (first..first + 20).map(identity).collect();
        pb::BulkRow { identities, ..row(number, customer_id, 1) }
    };
    let answer = load(&bank, batch("l-1", (0..49).map(|place| twenty(place + 1, "C-1", 20 * place)).collect())).await;
    assert_eq!(counts(&answer).4, 0);
    let rows = vec![twenty(1, "C-1", 979), twenty(2, "C-1", 1000), twenty(3, "C-2", 2000)];
    let answer = load(&bank, batch("l-2", rows)).await;
    assert_eq!(answer.faults.len(), 19, "one of the row before is known, so one more fits");
    assert_eq!((named(&answer)[0], counts(&answer).4), ((2, "identities[1]"), 1));
}

#[tokio::test]
async fn relations_land_with_their_row_if_the_other_end_is_there() {
    let bank = Bank::open().await;
    let relation = |to: &str| pb::Relation {
        from_customer_id: "C-2".into(),
        r#type: pb::RelationType::Guarantees.into(),
        to_customer_id: to.into(),
        source: "core".into(),
        ..Default::default()
    };
    let bound = |number, to: &str| pb::BulkRow { relations: vec![relation(to)], ..row(number, "C-2", 1) };
    let mut foreign = row(4, "C-3", 1);
    foreign.relations = vec![relation("C-1")];
    let answer = load(&bank, batch("l-1", vec![row(1, "C-1", 1), bound(2, "C-1"), bound(3, "C-9"), foreign])).await;
    assert_eq!(named(&answer), [(3, "relations[0].to_customer_id"), (4, "relations[0]")]);
    let again = load(&bank, batch("l-2", vec![bound(1, "C-1")])).await;
    assert_eq!(counts(&again), (2, 0, 0, 1, 0));
    let list = pb::ListRelationsRequest { customer_id: "C-1".into(), ..Default::default() };
    let listed = bank.relations().list_relations(bank.service(list)).await.unwrap().into_inner().relations;
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn faults_of_a_batch_are_named_and_scopes_hold() {
    let bank = Bank::open().await;
    let faulty = pb::LoadRowsRequest {
        load_id: String::new(),
        source: String::new(),
        first_row: 0,
        customer_mask: mask(&["customer_key"]),
        holding_mask: mask(&["holding_id"]),
        ..batch("", vec![row(2, "C-1", 1), row(1, "C-2", 1)])
    };
    let mut found = fields(bank.bulk().load_rows(bank.service(faulty)).await);
    found.sort();
    assert_eq!(found, ["customer_mask", "first_row", "holding_mask", "load_id", "rows", "source"]);
    let branch = bank.user("bank", "admin", "/hq/west", batch("l-1", vec![row(1, "C-1", 1)]));
    assert_eq!(refused(bank.bulk().load_rows(branch).await), OUT_OF_SCOPE);
    let manager = bank.manager("/", batch("l-1", vec![row(1, "C-1", 1)]));
    assert_eq!(refused(bank.bulk().load_rows(manager).await), NO_PERMISSION);
    let unnamed = pb::GetLoadRequest::default();
    assert_eq!(fields(bank.bulk().get_load(bank.service(unnamed)).await), ["load_id"]);
    for load_id in ["l-2", "l-1", "l-3"] {
        load(&bank, batch(load_id, vec![row(1, "C-1", 1)])).await;
    }
    let list = |page_size, page_token: &str| pb::ListLoadsRequest { page_size, page_token: page_token.into() };
    let first = bank.bulk().list_loads(bank.service(list(2, ""))).await.unwrap().into_inner();
    let rest = list(2, &first.next_page_token);
    let rest = bank.bulk().list_loads(bank.service(rest)).await.unwrap().into_inner();
    let ids: Vec<_> = first.loads.iter().chain(&rest.loads).map(|load| load.load_id.as_str()).collect();
    assert_eq!(ids, ["l-1", "l-2", "l-3"]);
    assert_eq!(refused(bank.bulk().list_loads(bank.service(list(2, "x"))).await), BAD_TOKEN);
}
