//! A wide table of customers, their accounts and a tag loaded through the gateway, beside the bare insert of the same rows
//! into the same tables of an empty store: same columns, same indexes, same batches.

use std::{fmt::Write as _, time::Instant};

use huan_chassis::{check::Faults, config, store::Store as Database};
use huan_profile::{
    convert,
    store::{
        entity::{customer, holding},
        migration::Migrator,
    },
};
use huan_proto::profile::v1::{self as pb, tenant_service_client::TenantServiceClient};
use sea_orm::{EntityTrait as _, IntoActiveModel as _};

use super::{Options, Row};
use crate::{
    bulk::{self, Task},
    demo::Desk,
    failure::{Failure, Result},
    suite::{Place, Suite},
};

/// Rows of a transaction, and of a statement.
const BATCH: usize = 1000;
const TENANT: &str = "bench";

const MAPPING: &str = r#"
    [customer]
    customer_id = { column = "no" }
    type = { constant = "retail" }
    owner_path = { column = "branch", prefix = "/hq/" }
    person.name = { column = "name" }
    person.phone = { column = "phone" }
    person.address = { column = "address" }
    open_day = { column = "opened" }
    attributes.occupation = { column = "occupation" }
    attributes.income = { column = "income", as = "number" }
    [[holding]]
    holding_id = { column = "account" }
    kind = { constant = "account" }
    open_day = { column = "opened" }
    balance = { column = "balance" }
"#;

/// Measures on a suite of its own: the first load, and the next day's in which one row of a hundred is new.
pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let suite = Suite::start(&Place::folder(folder.path())).await?;
    let desk = Desk::new(&suite.doors, TENANT)?;
    let door = desk.door("admin");
    let tenant = pb::Tenant { display_name: "Bench".to_owned(), ..Default::default() };
    let create = pb::CreateTenantRequest { request_id: "bench".to_owned(), tenant: Some(tenant) };
    TenantServiceClient::new(door.channel.clone()).create_tenant(door.request(create)).await?;
    let mut rates = Vec::new();
    for changed in [0, 1] {
        let file = folder.path().join(format!("{changed}.csv"));
        std::fs::write(&file, table(options.customers, changed))?;
        let started = Instant::now();
        let task = Task { file: &file, mapping: MAPPING, dry_run: false, load_id: None };
        let outcome = bulk::load(&door, &task).await?;
        if outcome.load.refused_count > 0 {
            return Err(Failure::new(format!("rows were refused: {:?}", outcome.faults.first())));
        }
        rates.push(f64::from(options.customers) / started.elapsed().as_secs_f64());
    }
    suite.stop().await?;
    let bare = bare(options.customers).await?;
    let work = ["wide table loaded, beside bare inserts", "the next day's, 1 % new, beside bare inserts"];
    Ok(work.into_iter().zip(rates).map(|(work, rate)| Row::rate(work, "rows/s", rate, bare, 0.5)).collect())
}

fn table(rows: u32, changed: u32) -> String {
    let mut text = "no,branch,name,phone,address,opened,occupation,income,account,balance\n".to_owned();
    for n in 0..rows {
        let balance = if n.is_multiple_of(100) { n + changed } else { n };
        let day = n % 28 + 1;
        let _ = writeln!(
            text,
            "{n:010},b{},Name of {n},13{n:09},{n} Long Street in some town,2020-01-{day:02},job_{},{n}.5,A-{n},{balance}.25",
            n % 50,
            n % 30
        );
    }
    text
}

async fn bare(rows: u32) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/bare.db?mode=rwc", folder.path().display());
    let db = Database::open::<Migrator>(&config::Database { url, max_connections: 4 }).await?;
    let models: Vec<(customer::Model, holding::Model)> = (0..rows).map(models).collect();
    let started = Instant::now();
    for batch in models.chunks(BATCH) {
        let tx = db.begin().await?;
        let people = batch.iter().map(|(person, _)| person.clone().into_active_model());
        customer::Entity::insert_many(people).exec_without_returning(&*tx).await.map_err(huan_chassis::Error::from)?;
        let holdings = batch.iter().map(|(_, holding)| holding.clone().into_active_model());
        holding::Entity::insert_many(holdings).exec_without_returning(&*tx).await.map_err(huan_chassis::Error::from)?;
        tx.commit().await?;
    }
    Ok(f64::from(rows) / started.elapsed().as_secs_f64())
}

fn models(n: u32) -> (customer::Model, holding::Model) {
    let person = pb::Person {
        name: format!("Name of {n}"),
        phone: format!("13{n:09}"),
        address: format!("{n} Long Street in some town"),
        ..Default::default()
    };
    let asked = pb::Customer {
        customer_id: format!("{n:010}"),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: format!("/hq/b{}", n % 50),
        person: Some(person),
        open_day: "2020-01-01".to_owned(),
        ..Default::default()
    };
    let row = convert::customer::row(&mut Faults::new(), "customer", TENANT, asked);
    let holding = holding::Model {
        tenant: TENANT.to_owned(),
        holding_hash: format!("{:064x}", u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        customer_id: format!("{n:010}"),
        kind: "account".to_owned(),
        product_id: String::new(),
        open_day: 18_262,
        close_day: None,
        balance_minor: i64::from(n) * 100,
        status: String::new(),
        format: 0,
        key_id: String::new(),
        payload: vec![7; 16],
    };
    (customer::Model { customer_key: format!("{n:032x}"), ..row }, holding)
}
