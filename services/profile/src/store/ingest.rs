//! Taking in events: whole request batches, group-committed. In one transaction the new events are kept, the packed
//! rows of their days and the accumulators of their customers grow, and the vectors are computed and published.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use huan_chassis::{
    Error, Result, feed,
    feed::Position,
    store::{Store as Database, Tx},
    telemetry,
};
use huan_proto::profile::v1::{self as pb, profile_change::Change};
use sea_orm::{
    ConnectionTrait, ExprTrait, Iterable, JoinType,
    sea_query::{Alias, Expr, IntoColumnRef, OnConflict, Query, SelectStatement},
};

use super::{
    MAX_BINDS, Store, UNKNOWN, chunks, customer,
    entity::{event, event_day},
    tenant::View,
    upsert,
    vector::{self, Subject},
};
use crate::{
    convert::{self, envelope, event::Checked},
    feature::Catalogue,
    window::Day,
};

/// One request's events.
#[derive(Debug)]
pub struct Job {
    /// The tenant as the request saw it.
    pub view: Arc<View>,
    /// The events that passed their checks.
    pub events: Vec<Checked>,
    /// The trace of the request.
    pub traceparent: String,
}

/// What became of a request's events.
#[derive(Debug, Default)]
pub struct Taken {
    /// New ones.
    pub accepted: i32,
    /// Those taken in before.
    pub duplicates: i32,
    /// Those refused here.
    pub faults: Vec<pb::RowFault>,
    /// The feed position that has seen the new ones.
    pub position: Option<Position>,
}

impl Store {
    /// Takes in events; answers after their commit.
    pub async fn ingest_events(&self, view: Arc<View>, events: Vec<Checked>) -> Result<Taken> {
        let traceparent = telemetry::traceparent();
        self.ingest.submit(Arc::new(Job { view, events, traceparent })).await
    }
}

/// Applies jobs in one transaction, each tenant's together. Fails as a whole.
pub async fn apply(db: Database, catalogue: Arc<Catalogue>, jobs: Vec<Arc<Job>>) -> Result<Vec<Result<Taken>>> {
    let mut tenants: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, job) in jobs.iter().enumerate() {
        tenants.entry(&job.view.tenant).or_default().push(place);
    }
    let mut answers: Vec<Taken> = jobs.iter().map(|_| Taken::default()).collect();
    let tx = db.begin().await?;
    for places in tenants.into_values() {
        Batch::new(&jobs, places).apply(&tx, &catalogue, &mut answers).await?;
    }
    tx.commit().await?;
    Ok(answers.into_iter().map(Ok).collect())
}

/// The jobs of one tenant.
struct Batch<'a> {
    jobs: &'a [Arc<Job>],
    view: &'a View,
    events: Vec<(usize, &'a Checked)>,
}

impl<'a> Batch<'a> {
    fn new(jobs: &'a [Arc<Job>], places: Vec<usize>) -> Self {
        // The newest view knows every type that any of the jobs names.
        let newest = places.iter().map(|place| &jobs[*place].view).max_by_key(|view| view.read_at);
        let view = newest.unwrap_or(&jobs[0].view);
        let events = places.iter().flat_map(|place| jobs[*place].events.iter().map(|event| (*place, event)));
        Self { jobs, view, events: events.collect() }
    }

    async fn apply(mut self, tx: &Tx, catalogue: &Catalogue, answers: &mut [Taken]) -> Result<()> {
        let mut ids: Vec<String> = self.events.iter().map(|(_, event)| event.row.customer_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut customers = customer::lock(tx, &self.view.tenant, &ids).await?;
        // After the lock, for which a roll to a new day may have been waited: no vector goes back a day.
        let now = self.view.time.now();
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        self.refuse_unknown(&known, answers);
        self.keep_new(tx, answers).await?;

        let touched: HashSet<&str> = self.events.iter().map(|(_, event)| event.row.customer_id.as_str()).collect();
        customers.retain(|customer| touched.contains(customer.customer_id.as_str()));
        let mut subjects = vector::subjects(tx, self.view, self.view.time.day(now).0, customers).await?;
        self.add_to_windows(tx, &mut subjects).await?;
        let outcomes = self.outcomes(&subjects);
        let mut revised = vector::compute_all(tx, catalogue, self.view, now, subjects).await?;
        let traces: HashMap<&str, usize> =
            self.events.iter().map(|(place, event)| (event.row.customer_id.as_str(), *place)).collect();
        for revised in &mut revised {
            let place = traces.get(revised.customer.customer_id.as_str());
            revised.traceparent = place.map(|place| self.jobs[*place].traceparent.clone());
        }
        let position = vector::publish(tx, revised, outcomes).await?;
        for (place, _) in &self.events {
            answers[*place].position = Some(position);
        }
        Ok(())
    }

    /// Refuses the events whose customer there is not.
    fn refuse_unknown(&mut self, known: &HashSet<&str>, answers: &mut [Taken]) {
        self.events.retain(|(place, event)| {
            let is_known = known.contains(event.row.customer_id.as_str());
            if !is_known {
                let field = format!("events[{}].customer_id", event.index);
                answers[*place].faults.push(convert::row_fault(event.index, field, UNKNOWN));
            }
            is_known
        });
    }

    /// Inserts the events and keeps those that were not there; counts both.
    async fn keep_new(&mut self, tx: &Tx, answers: &mut [Taken]) -> Result<()> {
        let mut seen = HashSet::with_capacity(self.events.len());
        let mut rows: Vec<&event::Model> = Vec::with_capacity(self.events.len());
        let first: Vec<bool> = self.events.iter().map(|(_, event)| seen.insert(key(&event.row))).collect();
        rows.extend(self.events.iter().zip(&first).filter(|(_, first)| **first).map(|((_, event), _)| &event.row));
        rows.sort_unstable_by_key(|row| key(row));
        let fresh = insert_new(tx, rows).await?;
        let mut firsts = first.into_iter();
        self.events.retain(|(place, event)| {
            let is_new = firsts.next().unwrap_or(false) && fresh.contains(&owned_key(&event.row));
            let answer = &mut answers[*place];
            *(if is_new { &mut answer.accepted } else { &mut answer.duplicates }) += 1;
            is_new
        });
        Ok(())
    }

    /// Adds the events to the packed rows of their days and to their customers' accumulators.
    async fn add_to_windows(&self, tx: &Tx, subjects: &mut [Subject]) -> Result<()> {
        let days: HashSet<(&str, i32)> =
            self.events.iter().map(|(_, event)| (event.row.customer_id.as_str(), event.day)).collect();
        let mut packed = packed_days(tx, &self.view.tenant, days.into_iter().collect()).await?;
        let mut places: HashMap<String, usize> = HashMap::with_capacity(subjects.len());
        places.extend(subjects.iter().enumerate().map(|(place, s)| (s.customer.customer_id.clone(), place)));
        for (_, event) in &self.events {
            let customer_id = &event.row.customer_id;
            let day = packed.entry((customer_id.clone(), event.day)).or_default();
            let amount = event.row.amount_minor;
            if let Some(place) = places.get(customer_id) {
                subjects[*place].state.add(&self.view.plan, event.day, event.event_type, amount, day);
            }
            day.add(event.event_type, amount);
        }
        let mut rows: Vec<event_day::Model> = packed
            .into_iter()
            .map(|((customer_id, day), packed)| event_day::Model {
                tenant: self.view.tenant.clone(),
                customer_id,
                day,
                format: envelope::PLAIN,
                key_id: String::new(),
                packed: envelope::seal(&packed),
            })
            .collect();
        rows.sort_unstable_by(|one, other| (&one.customer_id, one.day).cmp(&(&other.customer_id, other.day)));
        upsert(tx, rows).await
    }

    /// The feed rows of those events that reviews may measure.
    fn outcomes(&self, subjects: &[Subject]) -> Vec<feed::Row> {
        let customers: HashMap<&str, &Subject> =
            subjects.iter().map(|subject| (subject.customer.customer_id.as_str(), subject)).collect();
        let measured = self.events.iter().filter(|(_, event)| event.is_outcome);
        let row = |(place, event): &(usize, &Checked)| {
            let subject = customers.get(event.row.customer_id.as_str())?;
            let change = Change::Outcome(convert::event::outcome(&event.row));
            Some(convert::feed::customer_row(&subject.customer, change, Some(self.jobs[*place].traceparent.clone())))
        };
        measured.filter_map(row).collect()
    }
}

fn key(row: &event::Model) -> (&str, &str) {
    (&row.source, &row.source_id)
}

fn owned_key(row: &event::Model) -> (String, String) {
    (row.source.clone(), row.source_id.clone())
}

/// Inserts events; answers with the keys of those that were not there.
async fn insert_new(tx: &Tx, rows: Vec<&event::Model>) -> Result<HashSet<(String, String)>> {
    let mut fresh = HashSet::with_capacity(rows.len());
    for rows in chunks(rows, MAX_BINDS / event::Column::iter().count()) {
        let mut insert = Query::insert();
        insert.into_table(event::Entity).columns(event::Column::iter());
        for row in rows {
            insert.values(values(row)).map_err(|error| Error::Internal(error.to_string()))?;
        }
        insert.on_conflict(OnConflict::new().do_nothing().to_owned());
        insert.returning(Query::returning().columns([event::Column::Source, event::Column::SourceId]));
        for row in tx.query_all(&insert).await? {
            fresh.insert((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        }
    }
    Ok(fresh)
}

/// The row's values in the order of its columns.
fn values(row: &event::Model) -> [Expr; 10] {
    [
        row.tenant.as_str().into(),
        row.source.as_str().into(),
        row.source_id.as_str().into(),
        row.customer_id.as_str().into(),
        row.event_type.as_str().into(),
        row.occur_time.into(),
        row.amount_minor.into(),
        row.format.into(),
        row.key_id.as_str().into(),
        row.payload.clone().into(),
    ]
}

/// Reads the packed rows of these customers' days, as far as there are any.
async fn packed_days(tx: &Tx, tenant: &str, mut days: Vec<(&str, i32)>) -> Result<HashMap<(String, i32), Day>> {
    days.sort_unstable();
    let mut found = HashMap::with_capacity(days.len());
    for days in chunks(days, MAX_BINDS / 2) {
        for row in tx.query_all(&select_days(tenant, days)).await? {
            let (format, packed): (i16, Vec<u8>) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
            let key = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            found.insert(key, envelope::open(format, &packed)?);
        }
    }
    Ok(found)
}

/// Joins the keys, as a list of values, to the table: both databases then look each one up by the primary key, and
/// both call the columns of such a list column1 and column2.
fn select_days(tenant: &str, days: Vec<(&str, i32)>) -> SelectStatement {
    let wanted = Alias::new("wanted");
    let column = |name: &'static str| Expr::col((wanted.clone(), Alias::new(name)).into_column_ref());
    let of_tenant = Expr::col((event_day::Entity, event_day::Column::Tenant)).eq(tenant);
    let of_customer = Expr::col((event_day::Entity, event_day::Column::CustomerId)).eq(column("column1"));
    let of_day = Expr::col((event_day::Entity, event_day::Column::Day)).eq(column("column2"));
    let mut select = Query::select();
    select
        .column((event_day::Entity, event_day::Column::CustomerId))
        .column((event_day::Entity, event_day::Column::Day))
        .column((event_day::Entity, event_day::Column::Format))
        .column((event_day::Entity, event_day::Column::Packed))
        .from_values(days, wanted.clone())
        .join(JoinType::InnerJoin, event_day::Entity, of_tenant.and(of_customer).and(of_day));
    select
}
