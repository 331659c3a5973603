//! A wide table of customers and their accounts loaded over gRPC, beside the bare insert of the same rows into the same
//! tables of an empty store: the very customers and holdings that the service wrote, same indexes, same batches.

use std::{fmt::Write as _, time::Instant};

use huan_chassis::{Error, store::connect};
use huan_profile::store::entity::{customer, holding};
use huan_proto::profile::v1::{self as pb, tenant_service_client::TenantServiceClient};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _, QueryOrder as _};

use super::{Place, Service};
use crate::{
    bench::{Options, Row},
    bulk::{self, Task},
    failure::{Failure, Result},
};

/// Rows of a transaction.
const BATCH: usize = 1000;
/// Rows of a statement.
const STATEMENT: usize = 200;

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

/// Measures on a service of its own: the first load, and the next day's in which one row of a hundred is new.
pub async fn run(options: &Options, place: &Place) -> Result<Vec<Row>> {
    let service = Service::start(place).await?;
    let door = service.desk.door("admin");
    let tenant = pb::Tenant { display_name: "Bench".to_owned(), ..Default::default() };
    let create = pb::CreateTenantRequest { request_id: "bench".to_owned(), tenant: Some(tenant) };
    TenantServiceClient::new(door.channel.clone()).create_tenant(door.request(create)).await?;
    let folder = tempfile::tempdir()?;
    let mut rates = Vec::new();
    for changed in [0, 1] {
        let file = folder.path().join(format!("{changed}.csv"));
        std::fs::write(&file, table(options.load, changed))?;
        let started = Instant::now();
        let task = Task { file: &file, mapping: MAPPING, dry_run: false, load_id: None };
        let outcome = bulk::load(&door, &task).await?;
        if outcome.load.refused_count > 0 {
            return Err(Failure::new(format!("rows were refused: {:?}", outcome.faults.first())));
        }
        rates.push(f64::from(options.load) / started.elapsed().as_secs_f64());
    }
    let bare = bare(&service, place).await?;
    service.stop().await?;
    let work = ["wide table loaded beside bare inserts", "the next day's, 1 % new, beside bare inserts"];
    let row = |(work, rate)| Row::rate(&format!("{work}, {}", place.name), "rows/s", rate, bare, 0.5);
    Ok(work.into_iter().zip(rates).map(row).collect())
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

/// Rows of the table a second, of those that the service wrote, inserted into an empty store.
async fn bare(service: &Service, place: &Place) -> Result<f64> {
    let db = connect(&service.database).await?;
    let people = customer::Entity::find().order_by_asc(customer::Column::CustomerId).all(&db);
    let holdings = holding::Entity::find().order_by_asc(holding::Column::CustomerId).all(&db);
    let (people, holdings) = (people.await.map_err(Error::from)?, holdings.await.map_err(Error::from)?);
    let folder = tempfile::tempdir()?;
    let store = place.bare(folder.path()).await?;
    let started = Instant::now();
    for (people, holdings) in people.chunks(BATCH).zip(holdings.chunks(BATCH)) {
        let tx = store.begin().await?;
        for people in people.chunks(STATEMENT) {
            let models = people.iter().cloned().map(|row| row.into_active_model().reset_all());
            customer::Entity::insert_many(models).exec_without_returning(&*tx).await.map_err(Error::from)?;
        }
        for holdings in holdings.chunks(STATEMENT) {
            let models = holdings.iter().cloned().map(|row| row.into_active_model().reset_all());
            holding::Entity::insert_many(models).exec_without_returning(&*tx).await.map_err(Error::from)?;
        }
        tx.commit().await?;
    }
    store.close();
    Ok(people.len() as f64 / started.elapsed().as_secs_f64())
}
