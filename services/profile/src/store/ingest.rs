//! Taking in events: whole request batches, group-committed. In one transaction the new events are kept, the packed
//! rows of their days and the accumulators of their customers grow, and the vectors are computed and published. What the
//! database answered is opened while it is asked for what is next, so that a request alone does not wait for each in turn.
//!
//! An event is there once by (tenant, source, source_id), which no unique index can say of a table that is partitioned by
//! customer. A customer's events go through one writer of this process, and an event that comes again for the same customer
//! waits for that customer's lock; so looking the new ones up before they are inserted finds every duplicate but one:
//! another writer may take in the same event for another customer at the same time. Therefore, on PostgreSQL, writers that
//! are about to commit for a tenant go through an advisory lock one by one and look once more for strangers; if there is
//! one, the batch is rolled back, applied again, and finds it. The lock is held for one look-up and the commit only.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use futures::{future::join_all, try_join};
use huan_chassis::{
    Error, Result, feed,
    feed::Position,
    store::{
        Store as Database, Tx,
        rows::{Conflict, runs},
    },
    telemetry,
};
use huan_proto::profile::v1::profile_change::Change;
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, Statement,
    sea_query::{Alias, Expr, IntoColumnRef, IntoValueTuple, Query, SelectStatement},
};

use super::{
    Store, UNKNOWN, customer, dead_letter,
    entity::{customer as customer_entity, event},
    event_day::{packed_days, write_days},
    root::Root,
    seal::{KeyIds, key_ids, name_keys, write_sealed},
    tenant::View,
    vector::{self, Subject},
};
use crate::{
    convert::{
        self,
        event::{Checked, Refused},
    },
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
    /// Those refused.
    pub refused: Vec<Refused>,
    /// The feed position that has seen all of them; none if all were refused.
    pub position: Option<Position>,
}

impl Store {
    /// Takes in events; answers after their commit. Errors: Overloaded, after which some may have been taken in.
    pub async fn ingest_events(&self, view: Arc<View>, events: Vec<Checked>) -> Result<Taken> {
        let write = |(writer, job): (usize, Arc<Job>)| self.ingest[writer].submit(job);
        all(join_all(self.jobs(view, events).map(write)).await)
    }

    /// Takes in events, however long the writers are busy; answers after their commit.
    pub async fn ingest_events_in_turn(&self, view: Arc<View>, events: Vec<Checked>) -> Result<Taken> {
        let write = async |(writer, job): (usize, Arc<Job>)| loop {
            match self.ingest[writer].submit(job.clone()).await {
                Err(Error::Overloaded) => {}
                answer => return answer,
            }
        };
        all(join_all(self.jobs(view, events).map(write)).await)
    }

    /// The events of each writer's customers.
    fn jobs(&self, view: Arc<View>, events: Vec<Checked>) -> impl Iterator<Item = (usize, Arc<Job>)> {
        let writers = self.ingest.len();
        let mut parts: Vec<Vec<Checked>> = (0..writers).map(|_| Vec::new()).collect();
        for event in events {
            let writer = if writers == 1 { 0 } else { feed::partition(&event.row.customer_id) as usize % writers };
            parts[writer].push(event);
        }
        let traceparent = telemetry::traceparent();
        let job = move |events| Arc::new(Job { view: view.clone(), events, traceparent: traceparent.clone() });
        let parts = parts.into_iter().enumerate().filter(|(_, events)| !events.is_empty());
        parts.map(move |(writer, events)| (writer, job(events)))
    }
}

/// What became of all parts of a request.
fn all(parts: Vec<Result<Taken>>) -> Result<Taken> {
    parts.into_iter().try_fold(Taken::default(), |mut all, part| {
        let Taken { accepted, duplicates, refused, position } = part?;
        all.accepted += accepted;
        all.duplicates += duplicates;
        all.refused.extend(refused);
        all.position = all.position.max(position);
        Ok(all)
    })
}

/// Applies jobs in one transaction, each tenant's together. Fails as a whole.
pub async fn apply(db: Database, jobs: Vec<Arc<Job>>) -> Result<Vec<Result<Taken>>> {
    let mut answers = loop {
        // None: another replica was first, and its events are found the next time.
        if let Some(answers) = attempt(&db, &jobs).await? {
            break answers;
        }
    };
    if answers.iter().any(only_duplicates) {
        let head = feed::head(&db).await?;
        answers.iter_mut().filter(|answer| only_duplicates(answer)).for_each(|answer| answer.position = Some(head));
    }
    Ok(answers.into_iter().map(Ok).collect())
}

async fn attempt(db: &Database, jobs: &[Arc<Job>]) -> Result<Option<Vec<Taken>>> {
    let mut tenants: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, job) in jobs.iter().enumerate() {
        tenants.entry(&job.view.tenant).or_default().push(place);
    }
    let mut answers: Vec<Taken> = jobs.iter().map(|_| Taken::default()).collect();
    let tx = db.begin().await?;
    let mut new = Vec::with_capacity(tenants.len());
    for (tenant, places) in tenants {
        new.push((tenant, Batch::new(jobs, places).apply(&tx, &mut answers).await?));
    }
    if tx.get_database_backend() == DbBackend::Postgres {
        for (tenant, rows) in new {
            if strangers(&tx, tenant, rows).await? {
                return Ok(None);
            }
        }
    }
    tx.commit().await?;
    Ok(Some(answers))
}

/// What was taken in before went down the feed before.
fn only_duplicates(answer: &Taken) -> bool {
    answer.position.is_none() && answer.duplicates > 0
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

    /// Applies them; answers with the rows that were new.
    async fn apply(mut self, tx: &Tx, answers: &mut [Taken]) -> Result<Vec<&'a event::Model>> {
        let mut ids: Vec<String> = self.events.iter().map(|(_, event)| event.row.customer_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let sealed = customer::lock_sealed(tx, &self.view.tenant, &ids).await?;
        // After the lock, for which a roll to a new day may have been waited: no vector goes back a day.
        let now = self.view.time.now();
        let asked = async { Ok((self.view.newer(tx).await?, self.known(tx).await?)) };
        let ((newer, known), mut customers) = try_join!(asked, tx.vault()?.unseal_known(sealed))?;
        let view = newer.as_ref().unwrap_or(self.view);
        self.refuse_unknown(&customers, answers)?;
        self.keep_new(&known, answers);

        let keys = key_ids(&customers);
        let touched: HashSet<&str> = self.events.iter().map(|(_, event)| event.row.customer_id.as_str()).collect();
        customers.retain(|customer| touched.contains(customer.customer_id.as_str()));
        let days = self.days();
        // The first of these begins: merged profiles are locked right after their customers.
        let (mut subjects, mut packed, (), ()) = try_join!(
            vector::subjects(tx, view, view.time.day(now).0, customers),
            packed_days(tx, &self.view.tenant, days.iter().copied().collect()),
            self.insert(tx, &keys),
            dead_letter::close(tx, self.view, self.events.iter().map(|(_, event)| &event.row)),
        )?;
        packed.extend(packed_days(tx, &self.view.tenant, others(&subjects, &days)).await?);
        self.add_to_windows(view, &mut subjects, &mut packed)?;
        packed.retain(|(customer_id, day), _| days.contains(&(customer_id.as_str(), *day)));

        let outcomes = self.outcomes(&subjects);
        let traces = self.traces(&subjects);
        let written = write_days(tx, &self.view.tenant, packed, &keys);
        let (mut revised, ()) = try_join!(vector::compute_all(tx, view, now, subjects), written)?;
        for (revised, trace) in revised.iter_mut().zip(traces) {
            revised.traceparent = trace;
        }
        let position = vector::publish(tx, revised, outcomes).await?;
        for (place, _) in &self.events {
            answers[*place].position = Some(position);
        }
        Ok(self.events.into_iter().map(|(_, event)| &event.row).collect())
    }

    /// The keys among those of the events that there are.
    async fn known(&self, tx: &Tx) -> Result<HashSet<(String, String)>> {
        let mut keys: Vec<(&str, &str)> = self.events.iter().map(|(_, event)| key(&event.row)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut found = HashSet::new();
        for keys in runs(&keys) {
            for row in tx.query_all(&met(&self.view.tenant, keys, None)).await? {
                found.insert((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
            }
        }
        Ok(found)
    }

    /// Refuses the events whose customer there is not.
    fn refuse_unknown(&mut self, customers: &[customer_entity::Model], answers: &mut [Taken]) -> Result<()> {
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        let is_known = |event: &Checked| known.contains(event.row.customer_id.as_str());
        for (place, event) in self.events.iter().filter(|(_, event)| !is_known(event)) {
            answers[*place].refused.push(convert::event::refused(event, "customer_id", UNKNOWN)?);
        }
        self.events.retain(|(_, event)| is_known(event));
        Ok(())
    }

    /// Keeps the events that are not there; counts both.
    fn keep_new(&mut self, known: &HashSet<(String, String)>, answers: &mut [Taken]) {
        let mut seen = HashSet::with_capacity(self.events.len());
        self.events.retain(|(place, event)| {
            let is_new = !known.contains(&owned_key(&event.row)) && seen.insert(key(&event.row));
            let answer = &mut answers[*place];
            *(if is_new { &mut answer.accepted } else { &mut answer.duplicates }) += 1;
            is_new
        });
    }

    /// Inserts the events.
    async fn insert(&self, tx: &Tx, keys: &KeyIds) -> Result<()> {
        let mut rows: Vec<event::Model> = self.events.iter().map(|(_, event)| event.row.clone()).collect();
        rows.sort_unstable_by(|one, other| {
            (&one.customer_id, one.occur_time).cmp(&(&other.customer_id, other.occur_time))
        });
        name_keys(&mut rows, keys);
        write_sealed(tx, rows, Conflict::Fail).await
    }

    /// The days of their customers to which the events belong.
    fn days(&self) -> HashSet<(&'a str, i32)> {
        self.events.iter().map(|(_, event)| (event.row.customer_id.as_str(), event.day)).collect()
    }

    /// Adds the events to what is packed of their days and to their customers' accumulators.
    fn add_to_windows(
        &self,
        view: &View,
        subjects: &mut [Subject],
        packed: &mut HashMap<(String, i32), Day>,
    ) -> Result<()> {
        let places = places(subjects);
        for (_, event) in &self.events {
            let customer_id = &event.row.customer_id;
            let occurrence = view.occurrence(event.event_type, &event.row)?;
            if let Some(place) = places.get(customer_id) {
                let Subject { root, state, .. } = &mut subjects[*place];
                let row = day_of(root, event.day, packed);
                state.add(&view.plan, event.day, &occurrence, &row);
            }
            packed.entry((customer_id.clone(), event.day)).or_default().add(&occurrence);
        }
        Ok(())
    }

    /// The feed rows of those events that reviews may measure.
    fn outcomes(&self, subjects: &[Subject]) -> Vec<feed::Row> {
        let customers: HashMap<&str, &customer_entity::Model> = subjects
            .iter()
            .flat_map(|subject| subject.root.members())
            .map(|customer| (customer.customer_id.as_str(), customer))
            .collect();
        let measured = self.events.iter().filter(|(_, event)| event.is_outcome);
        let row = |(place, event): &(usize, &Checked)| {
            let customer = customers.get(event.row.customer_id.as_str())?;
            let change = Change::Outcome(convert::event::outcome(&event.row));
            Some(convert::feed::customer_row(customer, change, Some(self.jobs[*place].traceparent.clone())))
        };
        measured.filter_map(row).collect()
    }

    /// For each subject the trace of the last request that had an event of it.
    fn traces(&self, subjects: &[Subject]) -> Vec<Option<String>> {
        let places = places(subjects);
        let mut traces = vec![None; subjects.len()];
        for (job, event) in &self.events {
            if let Some(place) = places.get(&event.row.customer_id) {
                traces[*place] = Some(self.jobs[*job].traceparent.clone());
            }
        }
        traces
    }
}

/// The place of each customer's profile among the subjects.
fn places(subjects: &[Subject]) -> HashMap<String, usize> {
    let of =
        |(place, subject): (usize, &Subject)| subject.root.ids().map(|id| (id.to_owned(), place)).collect::<Vec<_>>();
    subjects.iter().enumerate().flat_map(of).collect()
}

/// The same days of the other customers of profiles: what is new to a profile on a day, those tell too.
fn others<'a>(subjects: &'a [Subject], days: &HashSet<(&'a str, i32)>) -> Vec<(&'a str, i32)> {
    let merged = subjects.iter().map(|subject| &subject.root).filter(|root| !root.others.is_empty());
    let merged: HashMap<&str, &Root> = merged.flat_map(|root| root.ids().map(move |id| (id, root))).collect();
    let mut all = HashSet::new();
    for (id, day) in days {
        let root = merged.get(id).into_iter();
        all.extend(root.flat_map(|root| root.ids()).map(|id| (id, *day)));
    }
    all.into_iter().filter(|day| !days.contains(day)).collect()
}

/// What is packed of a profile's day.
fn day_of<'a>(root: &Root, day: i32, packed: &'a mut HashMap<(String, i32), Day>) -> Cow<'a, Day> {
    if root.others.is_empty() {
        return Cow::Borrowed(packed.entry((root.customer.customer_id.clone(), day)).or_default());
    }
    let mut whole = Day::default();
    root.ids().filter_map(|id| packed.get(&(id.to_owned(), day))).for_each(|row| whole.merge(row));
    Cow::Owned(whole)
}

fn key(row: &event::Model) -> (&str, &str) {
    (&row.source, &row.source_id)
}

fn owned_key(row: &event::Model) -> (String, String) {
    (row.source.clone(), row.source_id.clone())
}

/// Whether another replica has taken in one of these for another customer since `known` looked. From here to the commit
/// replicas go one by one.
async fn strangers(tx: &Tx, tenant: &str, rows: Vec<&event::Model>) -> Result<bool> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    let of_tenant = [format!("huan.event.{tenant}").into()];
    tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, of_tenant)).await?;
    for rows in runs(&rows) {
        let keys: Vec<(&str, &str, &str)> =
            rows.iter().map(|row| (&*row.source, &*row.source_id, &*row.customer_id)).collect();
        let other = Expr::col((event::Entity, event::Column::CustomerId)).ne(wanted("column3"));
        if tx.query_one(met(tenant, keys, Some(other)).limit(1)).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of the keys, a list of values that begin with source and source id, of which there is an event that meets a
/// condition, too. Each is looked up by itself: asked for a join, SQLite reads all events of the tenant.
fn met<V: IntoValueTuple>(tenant: &str, keys: Vec<V>, condition: Option<Expr>) -> SelectStatement {
    let column = |column: event::Column| Expr::col((event::Entity, column));
    let mut one = Query::select();
    one.expr(Expr::val(1))
        .from(event::Entity)
        .and_where(column(event::Column::Tenant).eq(tenant))
        .and_where(column(event::Column::Source).eq(wanted("column1")))
        .and_where(column(event::Column::SourceId).eq(wanted("column2")))
        .and_where_option(condition)
        .limit(1);
    let mut select = Query::select();
    let columns = [wanted("column1"), wanted("column2")];
    select.exprs(columns).from_values(keys, Alias::new(WANTED)).and_where(Expr::from(one).is_not_null());
    select
}

/// What a list of values is called.
pub(super) const WANTED: &str = "wanted";

/// Its column of this name.
pub(super) fn wanted(column: &'static str) -> Expr {
    Expr::col((Alias::new(WANTED), Alias::new(column)).into_column_ref())
}
