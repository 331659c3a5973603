//! Decisions in groups: one transaction reads what a batch needs, locked in the order of the keys, decides, and writes
//! records, reservations and feed rows together. Nothing is answered before the commit.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::{
    Result,
    clock::{self, Day},
    feed,
    store::{Store as Database, Tx},
};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::OnConflict,
};

use super::{
    Store,
    batch::{self, Batch, CustomerKey, Job, LoadKey, Outcome, Tenant, Writes},
    contact::counting,
    customer::{customers, lock_customers, merged},
    entity::{channel_load, contact, customer, decision},
    insert,
    tenant::tenants,
    upsert,
};
use crate::{
    convert,
    holdout::MasterKey,
    input::{self, Contact},
    record::Ids,
};

/// What decides in groups. Clones share everything.
#[derive(Clone)]
pub struct Deciding {
    db: Database,
    key: MasterKey,
    ids: Arc<Ids>,
    reservation: TimeDelta,
}

impl Store {
    /// Decides, in a batch with whatever else is to be decided; answered after the commit. Errors: NotFound; Invalid if
    /// the request's id was used for another customer.
    pub async fn decide(&self, job: Job) -> Result<Outcome> {
        self.writer.submit(Arc::new(job)).await
    }
}

impl Deciding {
    /// Decides in `db`: holdouts are drawn under `key`, contacts stay reserved for `reservation`.
    pub fn new(db: Database, key: MasterKey, reservation: TimeDelta) -> Deciding {
        Deciding { db, key, ids: Arc::default(), reservation }
    }

    /// Decides all jobs in one transaction, each seeing what the ones before it reserved.
    pub async fn decide_batch(&self, jobs: &[Arc<Job>]) -> Result<Vec<Result<Outcome>>> {
        let tx = self.db.begin().await?;
        let mut batch = self.read(&tx, jobs).await?;
        let answers = jobs.iter().map(|job| batch.decide(job, &self.ids, self.reservation)).collect();
        if !batch.writes.decisions.is_empty() {
            write(&tx, batch.writes).await?;
            tx.commit().await?;
        }
        Ok(answers)
    }

    // Customers are locked before anything else of theirs is read, so that what is read is what holds.
    async fn read(&self, tx: &Tx, jobs: &[Arc<Job>]) -> Result<Batch> {
        let system_now = clock::system_now();
        let ids = customer_ids(jobs);
        let tenants = self.read_tenants(tx, ids.keys().copied().collect()).await?;
        let mut batch = Batch {
            system_now,
            tenants,
            customers: HashMap::new(),
            moved: HashSet::new(),
            members: HashMap::new(),
            contacts: HashMap::new(),
            loads: BTreeMap::new(),
            known: HashMap::new(),
            writes: Writes::default(),
        };
        for (tenant, ids) in ids {
            let rows = lock_customers(tx, tenant, ids.clone()).await?;
            let members = merged(tx, tenant, &rows).await?;
            batch.customers.extend(rows.into_iter().map(|row| (customer_key(&row), row)));
            let Some(today) = batch.tenants.get(tenant).map(|tenant| tenant.today) else {
                continue;
            };
            let of_tenant: Vec<&Job> = jobs.iter().map(Arc::as_ref).filter(|job| job.tenant == tenant).collect();
            batch.known.extend(read_known(tx, tenant, &of_tenant).await?);
            let first = of_tenant.iter().map(|job| input::first_day(&job.published.map, today)).min().unwrap_or(today);
            let of_root = |(root, members): (&String, &Vec<(String, String)>)| {
                members.iter().map(|(id, _)| (id.clone(), root.clone())).collect::<Vec<_>>()
            };
            let roots: HashMap<String, String> = members.iter().flat_map(of_root).collect();
            let ids = ids.into_iter().chain(roots.keys().map(String::as_str)).collect();
            batch.moved.extend(read_moved(tx, tenant, &of_tenant).await?);
            for ((tenant, id), contact) in read_contacts(tx, tenant, ids, first, system_now).await? {
                // What was said to anyone of a profile was said to it.
                let id = roots.get(&id).cloned().unwrap_or(id);
                batch.contacts.entry((tenant, id)).or_default().push(contact);
            }
            let keyed = |(root, members): (String, Vec<_>)| ((tenant.to_owned(), root), members);
            batch.members.extend(members.into_iter().map(keyed));
            batch.loads.extend(lock_loads(tx, tenant, limited(&of_tenant), today).await?);
        }
        Ok(batch)
    }

    async fn read_tenants(&self, tx: &Tx, ids: BTreeSet<&str>) -> Result<HashMap<String, Tenant>> {
        let mut found = HashMap::new();
        for (tenant, row) in tenants(&**tx, ids).await? {
            let time = convert::tenant::time(&row)?;
            let known = Tenant::new(&row, time, &self.key);
            found.insert(tenant, known);
        }
        Ok(found)
    }
}

fn customer_ids(jobs: &[Arc<Job>]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for job in jobs {
        ids.entry(&job.tenant).or_default().insert(&job.ask.customer_id);
    }
    ids
}

fn customer_key(row: &customer::Model) -> CustomerKey {
    (row.tenant.clone(), row.customer_id.clone())
}

// Who was asked about, and is part of another profile than was thought.
async fn read_moved(tx: &Tx, tenant: &str, jobs: &[&Job]) -> Result<Vec<CustomerKey>> {
    let asked = |job: &&&Job| !job.ask.asked_id.is_empty();
    let ids: BTreeSet<&str> = jobs.iter().filter(asked).map(|job| job.ask.asked_id.as_str()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = customers(&**tx, tenant, ids).await?;
    let moved = |job: &&&Job| {
        let row = found.get(&job.ask.asked_id);
        row.is_none_or(|row| row.root_id != job.ask.customer_id)
    };
    let moved = jobs.iter().filter(asked).filter(moved);
    Ok(moved.map(|job| (tenant.to_owned(), job.ask.asked_id.clone())).collect())
}

// What was decided already by the same requests.
async fn read_known(tx: &Tx, tenant: &str, jobs: &[&Job]) -> Result<Vec<((String, String), decision::Model)>> {
    let of_tenant = decision::Entity::find().filter(decision::Column::Tenant.eq(tenant));
    let requests = jobs.iter().map(|job| job.ask.request_id.as_str());
    let rows = of_tenant.filter(decision::Column::RequestId.is_in(requests)).all(&**tx).await?;
    let rows = tx.vault()?.unseal_known(rows).await?;
    Ok(rows.into_iter().map(|row| ((row.tenant.clone(), row.request_id.clone()), row)).collect())
}

async fn read_contacts(
    tx: &Tx,
    tenant: &str,
    ids: BTreeSet<&str>,
    first: Day,
    system_now: DateTime<Utc>,
) -> Result<Vec<(CustomerKey, Contact)>> {
    let of_tenant = contact::Entity::find().filter(contact::Column::Tenant.eq(tenant));
    let of_customers = of_tenant.filter(contact::Column::CustomerId.is_in(ids));
    let in_window = of_customers.filter(contact::Column::Day.gte(first.0)).filter(counting(system_now));
    let rows = in_window.all(&**tx).await?;
    let contact = |row: contact::Model| {
        let contact = Contact { strategy_id: row.strategy_id, marketing: row.marketing, day: Day(row.day) };
        ((row.tenant, row.customer_id), contact)
    };
    Ok(rows.into_iter().map(contact).collect())
}

// The channels of the jobs' maps whose capacity is limited.
fn limited(jobs: &[&Job]) -> BTreeSet<String> {
    let channels = jobs.iter().flat_map(|job| &job.published.map.content().channels);
    channels.filter(|channel| channel.daily_capacity > 0).map(|channel| channel.channel_id.clone()).collect()
}

// Locks the load of channels today; a day on which nothing was said yet begins with zero.
async fn lock_loads(tx: &Tx, tenant: &str, ids: BTreeSet<String>, today: Day) -> Result<Vec<(LoadKey, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = select_loads(tx, tenant, &ids, today).await?;
    if rows.len() < ids.len() {
        let row = |id: &String| batch::loads(BTreeMap::from([((tenant.to_owned(), id.clone(), today.0), 0)]));
        let rows_of_today = ids.iter().flat_map(row).map(channel_load::Model::into_active_model);
        let key = [channel_load::Column::Tenant, channel_load::Column::ChannelId, channel_load::Column::Day];
        let nothing = OnConflict::columns(key).do_nothing().to_owned();
        let begin = channel_load::Entity::insert_many(rows_of_today).on_conflict(nothing);
        begin.exec_without_returning(&**tx).await?;
        rows = select_loads(tx, tenant, &ids, today).await?;
    }
    Ok(rows.into_iter().map(|row| ((row.tenant, row.channel_id, row.day), row.used)).collect())
}

async fn select_loads(tx: &Tx, tenant: &str, ids: &BTreeSet<String>, today: Day) -> Result<Vec<channel_load::Model>> {
    let today =
        Condition::all().add(channel_load::Column::Tenant.eq(tenant)).add(channel_load::Column::Day.eq(today.0));
    let found = channel_load::Entity::find().filter(today).filter(channel_load::Column::ChannelId.is_in(ids));
    Ok(found.order_by_asc(channel_load::Column::ChannelId).lock_exclusive().all(&**tx).await?)
}

async fn write(tx: &Tx, writes: Writes) -> Result<()> {
    insert(tx, tx.vault()?.seal(writes.decisions).await?).await?;
    insert(tx, writes.contacts).await?;
    upsert(tx, batch::loads(writes.loads)).await?;
    feed::publish(tx, writes.feed).await?;
    Ok(())
}
