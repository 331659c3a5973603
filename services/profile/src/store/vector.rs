//! Vectors: reading what they are computed from, computing them, and writing them beside their feed rows. Whoever
//! changes something that a vector is computed from does it here, in the same transaction, under the customers' locks.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use futures::try_join;
use huan_chassis::{
    Result, clock,
    feed::{self, Position},
    store::{
        Tx, lists,
        rows::{among, runs},
    },
};
use huan_proto::profile::v1::{self as pb, profile_change::Change};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait};
use tokio::task::yield_now;

use super::{
    CHUNK,
    entity::{customer, event_day, vector},
    holding, kyc, related,
    root::{self, Root},
    seal::seal,
    tag,
    tenant::View,
    upsert,
};
use crate::{
    convert::{self, envelope},
    related::{Sums, carried},
    vector::{Inputs, OpenHolding, same, vector as compute},
    window::{self, Day, State},
};

/// A locked profile with its accumulators as of today.
#[derive(Debug)]
pub struct Subject {
    /// The profile.
    pub root: Root,
    /// The accumulators.
    pub state: State,
    /// The vector as last written; none = never.
    pub written: Option<pb::Vector>,
    /// What its relations came to when that was written, which still holds: whoever changes one, and whatever changes on
    /// another day, sums them up anew. None = that is to be done.
    pub related: Option<Sums>,
}

/// A profile with a vector computed anew.
#[derive(Debug)]
pub struct Revised {
    /// Its root.
    pub customer: customer::Model,
    /// The new vector.
    pub vector: pb::Vector,
    /// Whether it says something else than the one last written.
    pub changed: bool,
    /// The accumulators that it was computed from.
    pub state: State,
    /// The trace that caused it; none = the current span's.
    pub traceparent: Option<String>,
}

/// Reads the accumulators of the profiles that locked customers are part of and rolls them to today. `customers`
/// ascend by id.
pub async fn subjects(tx: &Tx, view: &View, today: i32, customers: Vec<customer::Model>) -> Result<Vec<Subject>> {
    let roots = root::lock(tx, &view.tenant, customers).await?;
    let mut rows = written(tx, &view.tenant, &roots).await?;
    let mut subjects = Vec::with_capacity(roots.len());
    for root in roots {
        subjects.push(match rows.remove(&root.customer.customer_id) {
            None => Subject { root, state: State::empty(&view.plan, today), written: None, related: None },
            Some(row) => {
                let state: State = envelope::open(row.state_format, &row.state)?;
                let written: pb::Vector = envelope::open(row.format, &row.payload)?;
                let is_of_today = state.today == today;
                let related = if is_of_today { carried(&view.catalogue, &written) } else { None };
                Subject { root, state, written: Some(written), related }
            }
        });
    }
    roll(tx, view, today, &mut subjects).await?;
    Ok(subjects)
}

/// Computes the vectors of the profiles that locked customers are part of anew.
pub async fn revise(tx: &Tx, view: &View, customers: Vec<customer::Model>) -> Result<Vec<Revised>> {
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    let now = view.time.now();
    let mut subjects = subjects(tx, view, view.time.day(now).0, customers).await?;
    subjects.iter_mut().for_each(|subject| subject.related = None);
    compute_all(tx, view, now, subjects).await
}

/// Publishes the vectors of the profiles that locked customers are part of, as far as they have changed.
pub async fn follow(tx: &Tx, view: &View, customers: Vec<customer::Model>) -> Result<usize> {
    let mut revised = revise(tx, view, customers).await?;
    revised.retain(|revised| revised.changed);
    let published = revised.len();
    publish(tx, revised, Vec::new()).await?;
    Ok(published)
}

/// Computes the vectors of locked profiles anew whose members have changed: nothing of what was accumulated holds.
pub async fn rebuild(tx: &Tx, view: &View, customers: Vec<customer::Model>) -> Result<Vec<Revised>> {
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    let now = view.time.now();
    let today = view.time.day(now).0;
    let roots = root::lock(tx, &view.tenant, customers).await?;
    let mut subjects: Vec<Subject> =
        roots.into_iter().map(|root| Subject { root, state: State::default(), written: None, related: None }).collect();
    roll(tx, view, today, &mut subjects).await?;
    compute_all(tx, view, now, subjects).await
}

/// Computes the vectors of subjects.
pub async fn compute_all(tx: &Tx, view: &View, now: DateTime<Utc>, subjects: Vec<Subject>) -> Result<Vec<Revised>> {
    let ids: Vec<&str> = subjects.iter().flat_map(|subject| subject.root.ids()).collect();
    let today = view.time.day(now).0;
    let anew = subjects.iter().filter(|subject| subject.related.is_none()).map(|subject| &subject.root);
    let holdings = holding::open(&**tx, &view.tenant, &ids, today);
    let tags = tag::names(tx, &view.tenant, &ids, clock::micros(now));
    let (mut holdings, mut tags, mut sums) = try_join!(holdings, tags, related::sums(tx, view, today, anew))?;
    let whole = subjects.iter().map(|subject| subject.root.message()).collect::<Result<Vec<_>>>()?;
    let profiles: Vec<_> = subjects.iter().map(|subject| &subject.root).zip(&whole).collect();
    let known = kyc::Known::read(tx, view, now, &profiles).await?;
    let mut revised = Vec::with_capacity(subjects.len());
    for (Subject { root, state, written, related }, message) in subjects.into_iter().zip(whole) {
        let holdings: Vec<OpenHolding> = root.ids().flat_map(|id| holdings.remove(id).unwrap_or_default()).collect();
        let mut tags: Vec<String> = root.ids().flat_map(|id| tags.remove(id).unwrap_or_default()).collect();
        tags.sort_unstable();
        tags.dedup();
        let kyc_completeness =
            known.as_ref().and_then(|known| known.completeness(view, now, &root, &message, &holdings));
        let related = &related.or_else(|| sums.remove(&root.customer.customer_id)).unwrap_or_default();
        let (customer, holdings) = (&message, holdings.as_slice());
        let inputs = Inputs { customer, holdings, state: &state, tags, kyc_completeness, related, now };
        let vector = compute(&view.catalogue, inputs);
        let changed = written.is_none_or(|written| !same(&written, &vector));
        let customer = root.customer;
        revised.push(Revised { customer, vector, changed, state, traceparent: None });
    }
    Ok(revised)
}

/// Publishes vectors and other rows, and writes the vectors with the position that has seen them.
pub async fn publish(tx: &Tx, revised: Vec<Revised>, others: Vec<feed::Row>) -> Result<Position> {
    let mut rows = others;
    let mut models = Vec::with_capacity(revised.len());
    for Revised { customer, vector, state, traceparent, .. } in revised {
        models.push(vector::Model {
            tenant: customer.tenant.clone(),
            customer_id: customer.customer_id.clone(),
            state_format: envelope::PLAIN,
            state_key_id: customer.customer_key.clone(),
            state: envelope::seal(&state),
            format: envelope::PLAIN,
            key_id: customer.customer_key.clone(),
            payload: envelope::seal(&vector),
            position: String::new(),
        });
        rows.push(convert::feed::customer_row(&customer, Change::Vector(vector), traceparent));
    }
    let (position, mut models) = try_join!(feed::publish(tx, rows), seal(tx, models))?;
    models.iter_mut().for_each(|model| model.position = position.to_string());
    upsert(tx, models).await?;
    Ok(position)
}

async fn written(tx: &Tx, tenant: &str, roots: &[Root]) -> Result<HashMap<String, vector::Model>> {
    let mut found = HashMap::with_capacity(roots.len());
    let ids: Vec<&str> = roots.iter().map(|root| root.customer.customer_id.as_str()).collect();
    for ids in runs(&ids) {
        let query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant));
        let query = query.filter(among(&**tx, vector::Column::CustomerId, ids));
        let rows = lists::all::<vector::Entity>(&**tx, query.into_query()).await?;
        // Whoever is joined with this asks the database while they are opened.
        yield_now().await;
        let rows = tx.vault()?.unseal_known(rows).await?;
        found.extend(rows.into_iter().map(|row| (row.customer_id.clone(), row)));
    }
    Ok(found)
}

/// Rolls those states that do not stand for today. Most do: a customer's first change of the day pays for it.
async fn roll(tx: &Tx, view: &View, today: i32, subjects: &mut [Subject]) -> Result<()> {
    let mut stale: BTreeMap<i32, Vec<&mut Subject>> = BTreeMap::new();
    for subject in subjects.iter_mut().filter(|subject| !subject.state.is_current(&view.plan, today)) {
        let from = subject.state.rows_from(&view.plan, today).unwrap_or(i32::MIN);
        stale.entry(from).or_default().push(subject);
    }
    for (from, mut subjects) in stale {
        for subjects in subjects.chunks_mut(CHUNK) {
            let ids: Vec<&str> = subjects.iter().flat_map(|subject| subject.root.ids()).collect();
            let mut rows = day_rows(tx, &view.tenant, &ids, from).await?;
            for subject in subjects {
                let of = subject.root.ids().filter_map(|id| rows.remove(id)).flatten();
                let rows = if subject.root.others.is_empty() { of.collect() } else { window::union(of) };
                subject.state.roll(&view.plan, today, &rows);
            }
        }
    }
    Ok(())
}

async fn day_rows(tx: &Tx, tenant: &str, ids: &[&str], from: i32) -> Result<HashMap<String, Vec<(i32, Day)>>> {
    let mut found: HashMap<String, Vec<(i32, Day)>> = HashMap::new();
    for ids in runs(ids) {
        let query = event_day::Entity::find().filter(event_day::Column::Tenant.eq(tenant));
        let query = query.filter(among(&**tx, event_day::Column::CustomerId, ids));
        let query = query.filter(event_day::Column::Day.gte(from));
        let rows = lists::all::<event_day::Entity>(&**tx, query.into_query()).await?;
        for row in tx.vault()?.unseal_known(rows).await? {
            found.entry(row.customer_id).or_default().push((row.day, envelope::open(row.format, &row.packed)?));
        }
    }
    Ok(found)
}
