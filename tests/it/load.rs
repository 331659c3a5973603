//! A bank's wide table through `huan load`: the suite is killed half-way and the load goes on where it was; the next day's
//! table costs what is new in it; a dry run writes nothing; a list from outside brings prospects.

use std::{path::Path, time::Duration};

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use huan::{
    Suite,
    bulk::{self, Outcome, Task},
    demo::{self, Desk},
    snapshot,
    suite::Place,
};
use huan_proto::profile::v1::{
    self as pb, bulk_service_client::BulkServiceClient, customer_service_client::CustomerServiceClient,
    tenant_service_client::TenantServiceClient,
};
use parquet::arrow::ArrowWriter;

use crate::{ask, process::Process};

/// Rows of the table that is broken off.
const ROWS: usize = 20_000;

const WIDE: &str = r#"
    [table]
    delimiter = "|"
    [customer]
    customer_id = { column = "no" }
    type = { constant = "retail" }
    owner_path = { column = "branch", prefix = "/hq/" }
    person.name = { column = "name" }
    open_day = { column = "opened", format = "%Y%m%d" }
    [[holding]]
    holding_id = { column = "account" }
    kind = { constant = "account" }
    open_day = { column = "opened", format = "%Y%m%d" }
    balance = { column = "balance" }
    [[tag]]
    name = { constant = "vip" }
    when = { column = "vip" }
"#;

const BALANCES: &str = r#"
    [customer]
    customer_id = { column = "no" }
    [[holding]]
    holding_id = { column = "account" }
    balance = { column = "balance" }
"#;

const PARK: &str = r#"
    [prospect]
    list = "park"
    key = { column = "company" }
    [customer]
    owner_path = { constant = "/hq/park" }
    person.name = { column = "company" }
    [[tag]]
    name = { constant = "park" }
    [[identity]]
    namespace = { constant = "uscc" }
    value = { column = "code" }
"#;

fn wide(rows: usize, balance: impl Fn(usize) -> usize) -> String {
    let row = |n| {
        format!(
            "{n:06}|east|Name {n}|20200101|A-{n}|{}.50|{}\n",
            balance(n),
            if n.is_multiple_of(10) { "Y" } else { "N" }
        )
    };
    "no|branch|name|opened|account|balance|vip\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

fn task<'a>(file: &'a Path, mapping: &'a str) -> Task<'a> {
    Task { file, mapping, dry_run: false, load_id: None }
}

async fn run(desk: &Desk, task: Task<'_>) -> Outcome {
    bulk::load(&desk.door("admin"), &task).await.unwrap()
}

fn counts(outcome: &Outcome) -> (i64, i64, i64, i64) {
    let load = &outcome.load;
    (load.new_count, load.changed_count, load.same_count, load.refused_count)
}

async fn make_tenant(desk: &Desk) {
    let door = desk.door("admin");
    let tenant = Some(pb::Tenant { display_name: "Bank".to_owned(), ..Default::default() });
    let request = pb::CreateTenantRequest { request_id: "r".to_owned(), tenant };
    TenantServiceClient::new(door.channel.clone()).create_tenant(door.request(request)).await.unwrap();
}

async fn next_row(desk: &Desk) -> i64 {
    let door = desk.door("admin");
    let mut client = BulkServiceClient::new(door.channel.clone());
    let loads = client.list_loads(door.request(pb::ListLoadsRequest::default())).await.unwrap().into_inner().loads;
    loads.first().map_or(1, |load| load.next_row)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_was_killed_goes_on_where_it_was() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = data.path().join("wide.csv");
    std::fs::write(&file, wide(ROWS, |n| n)).unwrap();
    let process = Process::up(folder.path());
    let desk = Desk::new(&process.doors, "load").unwrap();
    make_tenant(&desk).await;
    let (door, table) = (desk.door("admin"), file.clone());
    let first = tokio::spawn(async move { bulk::load(&door, &task(&table, WIDE)).await });
    let begun = async {
        while next_row(&desk).await < 2_000 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun).await.expect("rows land");
    process.kill();
    first.abort();
    let _ = first.await;

    let process = Process::up(folder.path());
    let desk = Desk::new(&process.doors, "load").unwrap();
    let at = next_row(&desk).await;
    assert!(at >= 2_000 && at <= ROWS as i64, "it was broken off at row {at}");
    let outcome = run(&desk, task(&file, WIDE)).await;
    assert_eq!(counts(&outcome), (ROWS as i64, 0, 0, 0), "no row landed twice, none was lost");
    assert_eq!((outcome.load.state(), outcome.load.next_row), (pb::LoadState::Done, ROWS as i64 + 1));
    assert_eq!(run(&desk, task(&file, WIDE)).await.load, outcome.load, "what is over is not sent again");
    let shown = customers(&desk, 1_000).await;
    assert_eq!((shown.len(), shown[7].person.as_ref().unwrap().name.as_str()), (1_000, "Name 7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_days_table_costs_what_is_new_in_it_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    days(Place::folder(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_days_table_costs_what_is_new_in_it_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    days(ask::on_postgres(Place::folder(folder.path())).await).await;
}

async fn days(place: Place) {
    let data = tempfile::tempdir().unwrap();
    let suite = Suite::start(&place).await.unwrap();
    let desk = Desk::new(&suite.doors, "load").unwrap();
    make_tenant(&desk).await;
    let file = data.path().join("wide.csv");
    let faulty = wide(1_500, |n| n) + "C-1|east|X|20201301|A-x|1.234|?\nshort|row\n";
    std::fs::write(&file, &faulty).unwrap();

    let dry = run(&desk, Task { dry_run: true, ..task(&file, WIDE) }).await;
    assert_eq!(counts(&dry), (1_500, 0, 0, 2));
    let faults: Vec<_> = dry.faults.iter().map(|(row, field, _)| (*row, field.as_str())).collect();
    let expected = [
        (1_501, "customer.open_day"),
        (1_501, "holdings[0].balance"),
        (1_501, "holdings[0].open_day"),
        (1_501, "tags[0].when"),
        (1_502, "row"),
    ];
    assert_eq!(sorted(faults), sorted(expected.to_vec()));
    assert!(customers(&desk, 10).await.is_empty(), "a dry run writes nothing");

    assert_eq!(counts(&run(&desk, task(&file, WIDE)).await), (1_500, 0, 0, 2));
    std::fs::write(&file, wide(1_501, |n| n + usize::from(n < 3))).unwrap();
    assert_eq!(counts(&run(&desk, task(&file, WIDE)).await), (1, 3, 1_497, 0));
    demo::wait_for_feeds(&suite.doors, "segment").await.unwrap();
    assert_eq!(ask::feature(&desk, "000001", "deposit_balance").await, 250.0);

    let parquet = data.path().join("balances.parquet");
    write_parquet(&parquet);
    assert_eq!(counts(&run(&desk, task(&parquet, BALANCES)).await), (0, 1, 1, 1));
    demo::wait_for_feeds(&suite.doors, "segment").await.unwrap();
    assert_eq!(ask::feature(&desk, "000001", "deposit_balance").await, 990.0);
    let kept = &customers(&desk, 2).await[1];
    assert_eq!(kept.person.as_ref().unwrap().name, "Name 1", "a table of balances blanks no name");

    let list = data.path().join("park.csv.zst");
    std::fs::write(&list, zstd::encode_all(&b"company,code\n\"A, Ltd\",91\nB,92\nA,91\n"[..], 1).unwrap()).unwrap();
    let outcome = run(&desk, task(&list, PARK)).await;
    assert_eq!(
        (counts(&outcome), outcome.faults[0].0, outcome.faults[0].1.as_str()),
        ((2, 0, 0, 1), 3, "identities[0]")
    );

    let request = pb::StartSnapshotRequest { request_id: "s-1".to_owned(), ..Default::default() };
    let made = snapshot::wait(&desk.door("admin"), request).await.unwrap();
    assert_eq!((made.written_count, made.manifest.ends_with("manifest.json")), (1_503, true));
    suite.stop().await.unwrap();
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

fn write_parquet(path: &Path) {
    let columns: [(&str, ArrayRef); 3] = [
        ("no", std::sync::Arc::new(StringArray::from(vec!["000001", "000005", "999999"]))),
        ("account", std::sync::Arc::new(StringArray::from(vec!["A-1", "A-5", "A-9"]))),
        ("balance", std::sync::Arc::new(Float64Array::from(vec![9.9, 5.5, 1.0]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

async fn customers(desk: &Desk, page_size: i32) -> Vec<pb::Customer> {
    let door = desk.door("branch_manager");
    let request = pb::ListCustomersRequest { page_size, ..Default::default() };
    let answer = CustomerServiceClient::new(door.channel.clone()).list_customers(door.request(request)).await.unwrap();
    answer.into_inner().customers
}
