//! Scanning all customers of a tenant for moves that no row of the feed tells of.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use huan_chassis::clock;
use huan_chassis::feed::Status;
use huan_chassis::store::Store;
use huan_chassis::{Error, Result, feed};
use huan_proto::segment::v1::MoveTrigger;
use tokio::sync::mpsc;

use super::judge::{self, Subject};
use super::{Keeper, holds};
use crate::columns::{ROWS, Snapshot};
use crate::history::unpack;
use crate::memory::{Memory, Tenant};
use crate::store::{history, tenant, vector};

/// Customers looked at together.
const BLOCK: usize = 1000;
/// Customers judged in one transaction.
const BATCH: usize = 250;
/// Blocks made before they are compared.
const AHEAD: usize = 2;
/// How soon and how often those are tried again about whom memory knows less than was known.
const AGAIN: (Duration, usize) = (Duration::from_millis(50), 60);

/// Customers by ordinal, with the codes of their memberships, ascending; a membership that has no code yet is `None`.
type Block = Vec<(u32, Vec<Option<u32>>)>;

/// Scans a tenant. False: some customers could not be judged.
pub(super) async fn scan(
    keeper: &Keeper,
    store: &Store,
    memory: &Memory,
    status: &Status,
    of: &str,
    why: MoveTrigger,
) -> Result<bool> {
    let tenant = memory.tenant(of);
    let (rows, _, _) = tenant.snapshot();
    let codes = history::codes(store.read(), of).await?;
    let (send, mut blocks) = mpsc::channel(AHEAD);
    let all = rows.clone();
    let evaluation = tokio::task::spawn_blocking(move || evaluate(&tenant, &all, &codes, &send));
    let (mut after, mut moved) = (-1, Vec::new());
    loop {
        let block = blocks.recv().await;
        let last = block.as_ref().and_then(|block| block.last()).map_or(i64::MAX, |(ordinal, _)| i64::from(*ordinal));
        let is_end = block.is_none();
        let found = differing(store, of, &rows, (after, last), block.unwrap_or_default()).await?;
        moved.extend(judge_all(keeper, store, memory, status, of, (found, why)).await?);
        if is_end {
            break;
        }
        after = last;
    }
    evaluation.await.map_err(|error| Error::Internal(error.to_string()))?;
    for _ in 0..AGAIN.1 {
        if moved.is_empty() {
            break;
        }
        tokio::time::sleep(AGAIN.0).await;
        moved = judge_all(keeper, store, memory, status, of, (moved, why)).await?;
    }
    Ok(moved.is_empty())
}

/// Sends all customers in blocks, ascending, off the async threads, until nobody receives them. What they belong to is
/// read off what is kept for everybody; whether that is so is for the judgement to say.
fn evaluate(tenant: &Tenant, rows: &Snapshot, codes: &HashMap<String, u32>, send: &mpsc::Sender<Block>) {
    for from in (0..(rows.chunks.len() * ROWS) as u32).step_by(BLOCK) {
        let ordinals = from..from + BLOCK as u32;
        let customers = ordinals.filter(|ordinal| rows.customer(*ordinal).is_some());
        let block: Block = tenant.members(|members, _| members.codes(customers, codes));
        // Nobody receives it only if the scan has failed.
        if !block.is_empty() && send.blocking_send(block).is_err() {
            return;
        }
    }
}

/// Those of a block, and of the customers between who are there no more, who belong to something else than was last known.
async fn differing(
    store: &Store,
    of: &str,
    rows: &Snapshot,
    between: (i64, i64),
    block: Block,
) -> Result<Vec<Subject>> {
    let states = history::states_between(store, of, between, i64::MAX as u64).await?;
    let mut before: BTreeMap<u32, Vec<u32>> =
        states.iter().filter_map(|state| Some((u32::try_from(state.ordinal).ok()?, unpack(&state.codes)))).collect();
    let mut found = Vec::new();
    for (ordinal, after) in block {
        let known = before.remove(&ordinal).unwrap_or_default();
        if !after.into_iter().eq(known.into_iter().map(Some)) {
            found.extend(rows.customer(ordinal).map(|customer| Subject {
                customer_id: customer.customer_id.to_owned(),
                customer_key: customer.customer_key.to_owned(),
                owner_path: customer.owner_path.to_owned(),
                partition: feed::partition(customer.customer_id),
                ordinal,
                ..Default::default()
            }));
        }
    }
    let gone: Vec<u32> =
        before.into_iter().filter(|(_, codes)| !codes.is_empty()).map(|(ordinal, _)| ordinal).collect();
    found.extend(vector::vectors_at(store, of, &gone).await?.into_iter().map(|row| Subject {
        partition: feed::partition(&row.customer_id),
        ordinal: row.ordinal as u32,
        customer_id: row.customer_id,
        customer_key: row.customer_key,
        owner_path: row.owner_path,
        ..Default::default()
    }));
    Ok(found)
}

/// Judges customers in transactions of a few; answers with those who were left alone.
async fn judge_all(
    keeper: &Keeper,
    store: &Store,
    memory: &Memory,
    status: &Status,
    of: &str,
    (subjects, why): (Vec<Subject>, MoveTrigger),
) -> Result<Vec<Subject>> {
    let mut ahead = Vec::new();
    for batch in subjects.chunks(BATCH) {
        let tx = store.begin().await?;
        // The feed's rows of this tenant are applied before or after, not meanwhile.
        tenant::lock(&tx, of).await?;
        let held = keeper.hold(&tx, clock::system_now()).await?;
        let known = Some(status.cursor().unwrap_or_default());
        let (erased, batch): (Vec<_>, Vec<_>) = batch
            .iter()
            .filter(|subject| holds(held, subject.partition))
            .map(|subject| Subject { known, ..subject.clone() })
            .partition(|subject| subject.customer_key.is_empty());
        for subject in erased {
            judge::erase(keeper, &tx, memory, of, &subject.customer_id).await?;
        }
        let places = judge::judge(keeper, &tx, memory, of, &batch, why).await?;
        tx.commit().await?;
        ahead.extend(places.into_iter().map(|place| batch[place].clone()));
    }
    Ok(ahead)
}
