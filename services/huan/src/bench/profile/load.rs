//! A wide table of customers and their accounts loaded over gRPC, beside the bare insert of the very rows that the service
//! wrote into the same tables of an empty store, same indexes, same batches: of all that a load leaves, and of the
//! customers and holdings alone, a quarter of those rows.

use std::{fmt::Write as _, time::Instant};

use huan_chassis::{
    Error, feed,
    store::{Tx, connect},
};
use huan_profile::store::entity::{customer, holding, lookup, vector};
use huan_proto::profile::v1::{self as pb, tenant_service_client::TenantServiceClient};
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, IntoActiveModel, QueryOrder as _, Select};

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
    let written = Written::read(&service).await?;
    service.stop().await?;
    let (all, two) = (written.insert(place, true).await?, written.insert(place, false).await?);
    let work = |what: &str| format!("wide table loaded beside bare inserts of {what}, {}", place.name);
    let (all_rows, two_rows) = ("all rows that it leaves", "its customers and holdings alone");
    Ok(vec![
        Row::rate(&work(all_rows), "rows/s", rates[0], all, 0.5),
        Row::rate(&work(two_rows), "rows/s", rates[0], two, 0.5),
        Row::rate(&format!("the next day's, 1 % new: {}", work(two_rows)), "rows/s", rates[1], two, 0.5),
    ])
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

/// What a load leaves in the service's store: the rows of the table, what customers are searched by, their vectors, and
/// the feed, which has a standing and a vector of each. Keys, which lie elsewhere, are not counted.
struct Written {
    customers: Vec<customer::Model>,
    holdings: Vec<holding::Model>,
    lookups: Vec<lookup::Model>,
    vectors: Vec<vector::Model>,
    feed: Vec<feed::entity::Model>,
}

impl Written {
    async fn read(service: &Service) -> Result<Self> {
        let db = connect(&service.database).await?;
        Ok(Self {
            customers: rows(customer::Entity::find().order_by_asc(customer::Column::CustomerId), &db).await?,
            holdings: rows(holding::Entity::find().order_by_asc(holding::Column::CustomerId), &db).await?,
            lookups: rows(lookup::Entity::find().order_by_asc(lookup::Column::CustomerId), &db).await?,
            vectors: rows(vector::Entity::find().order_by_asc(vector::Column::CustomerId), &db).await?,
            feed: rows(feed::entity::Entity::find().order_by_asc(feed::entity::Column::Seq), &db).await?,
        })
    }

    /// Rows of the table a second, inserted into an empty store.
    async fn insert(&self, place: &Place, all: bool) -> Result<f64> {
        let folder = tempfile::tempdir()?;
        let store = place.bare(folder.path()).await?;
        let batches = self.customers.len().div_ceil(BATCH);
        let started = Instant::now();
        for batch in 0..batches {
            let tx = store.begin().await?;
            insert::<customer::Entity, _>(&tx, part(&self.customers, batch, batches)).await?;
            insert::<holding::Entity, _>(&tx, part(&self.holdings, batch, batches)).await?;
            if all {
                insert::<lookup::Entity, _>(&tx, part(&self.lookups, batch, batches)).await?;
                insert::<vector::Entity, _>(&tx, part(&self.vectors, batch, batches)).await?;
                insert::<feed::entity::Entity, _>(&tx, part(&self.feed, batch, batches)).await?;
            }
            tx.commit().await?;
        }
        store.close();
        Ok(self.customers.len() as f64 / started.elapsed().as_secs_f64())
    }
}

async fn rows<E: EntityTrait>(query: Select<E>, db: &DatabaseConnection) -> Result<Vec<E::Model>> {
    Ok(query.all(db).await.map_err(Error::from)?)
}

/// One of as many parts as there are batches.
fn part<T>(rows: &[T], batch: usize, batches: usize) -> &[T] {
    &rows[rows.len() * batch / batches..rows.len() * (batch + 1) / batches]
}

async fn insert<E, A>(tx: &Tx, rows: &[E::Model]) -> Result<()>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A> + Sync,
    A: ActiveModelTrait<Entity = E> + Send,
{
    for rows in rows.chunks(STATEMENT) {
        let models = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        E::insert_many(models).exec_without_returning(&**tx).await.map_err(Error::from)?;
    }
    Ok(())
}
