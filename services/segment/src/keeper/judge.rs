//! Judging customers: what each belongs to now, against what it was last known to belong to.

use std::collections::{BTreeMap, HashMap};

use huan_chassis::clock::{self, Day};
use huan_chassis::feed::Position;
use huan_chassis::store::Tx;
use huan_chassis::{Result, feed};
use huan_proto::feed::v1::Header;
use huan_proto::profile::v1::{self as profile, profile_change::Change};
use huan_proto::segment::v1 as pb;
use prost::Message as _;

use super::Keeper;
use crate::feed::read;
use crate::history::{Difference, difference, owner_of, pack, unpack};
use crate::live::Live;
use crate::memory::Memory;
use crate::store::entity::{membership_move, membership_state};
use crate::store::history::{self, Moves};
use crate::store::{segment_source, tenant, vector};

/// The one kind of row in the feed.
const KIND: i32 = 1;

/// A customer to be judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    pub customer_id: String,
    pub customer_key: String,
    pub owner_path: String,
    pub partition: u32,
    pub ordinal: u32,
    /// How far memory has followed this customer: what was judged after that is left alone. `None` = all the way.
    pub known: Option<Position>,
    /// Cursor of the row that tells of the customer; empty if there is none.
    pub cursor: String,
    /// Trace of the request that made that row.
    pub traceparent: Option<String>,
}

/// Whom a batch tells about.
#[derive(Default)]
pub(super) struct Changes<'a> {
    /// By tenant and number; the last row counts.
    pub subjects: BTreeMap<String, BTreeMap<&'a str, Subject>>,
    pub erased: Vec<&'a Header>,
}

impl<'a> Changes<'a> {
    pub fn of(batch: &'a [profile::WatchProfilesResponse]) -> Self {
        let mut changes = Self::default();
        for (header, change) in batch.iter().filter_map(read) {
            match change {
                Change::Vector(_) | Change::Merge(_) => {
                    let of_tenant = changes.subjects.entry(header.tenant_id.clone()).or_default();
                    of_tenant.insert(header.customer_id.as_str(), Subject::of(header));
                }
                Change::Erasure(_) => changes.erased.push(header),
                _ => {}
            }
        }
        changes
    }

    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.erased.is_empty()
    }
}

impl Subject {
    fn of(header: &Header) -> Self {
        Self {
            customer_id: header.customer_id.clone(),
            customer_key: header.customer_key.clone(),
            owner_path: header.owner_path.clone(),
            partition: feed::partition(&header.customer_id),
            ordinal: 0,
            known: header.cursor.parse().ok(),
            cursor: header.cursor.clone(),
            traceparent: Some(header.traceparent.clone()),
        }
    }
}

/// Finds the ordinals of customers: in memory, or in the store for those who were merged. Who has none is left out.
pub(super) async fn with_ordinals(
    tx: &Tx,
    memory: &Memory,
    of: &str,
    mut subjects: Vec<Subject>,
) -> Result<Vec<Subject>> {
    let known: Vec<Option<u32>> = memory
        .tenant(of)
        .read(|state| subjects.iter().map(|subject| state.columns.ordinal(&subject.customer_id)).collect());
    let lost: Vec<&str> =
        subjects.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(s, _)| s.customer_id.as_str()).collect();
    let stored = vector::ordinals_of(tx, of, &lost).await?;
    let ordinal = |subject: &Subject, known: Option<u32>| known.or_else(|| stored.get(&subject.customer_id).copied());
    let found: Vec<_> = subjects.iter().zip(known).map(|(subject, known)| ordinal(subject, known)).collect();
    let each = subjects.drain(..).zip(found);
    Ok(each.filter_map(|(subject, ordinal)| Some(Subject { ordinal: ordinal?, ..subject })).collect())
}

/// What a tenant's customers belong to now, and by what.
struct Now {
    memberships: Vec<Vec<String>>,
    live: std::sync::Arc<Live>,
    micros: i64,
    day: Day,
}

fn now(memory: &Memory, of: &str, subjects: &[Subject]) -> Now {
    memory.tenant(of).read(|state| {
        let time = state.time.now();
        let day = state.time.day(time);
        let row = |subject: &Subject| state.columns.row(&subject.customer_id, day);
        let memberships = |subject: &Subject| row(subject).map(|row| state.live.memberships(&row)).unwrap_or_default();
        Now {
            memberships: subjects.iter().map(memberships).collect(),
            live: state.live.clone(),
            micros: clock::micros(time),
            day,
        }
    })
}

/// Writes down what customers joined and left since they were last judged. Answers with the places of those about whom more
/// was known already than memory knows, who were left alone.
pub(super) async fn judge(
    keeper: &Keeper,
    tx: &Tx,
    memory: &Memory,
    of: &str,
    subjects: &[Subject],
    why: pb::MoveTrigger,
) -> Result<Vec<usize>> {
    let now = now(memory, of, subjects);
    let ordinals: Vec<i64> = subjects.iter().map(|subject| subject.ordinal.into()).collect();
    let states = history::states(tx, of, &ordinals).await?;
    let before = states.values().flat_map(|state| unpack(&state.codes)).collect();
    let codes = keeper.codes(tx, of, &now.memberships.concat(), &before).await?;
    let names: HashMap<u32, &str> = codes.iter().map(|(name, code)| (*code, name.as_str())).collect();
    let (mut moves, mut ahead) = (Moves::default(), Vec::new());
    for (place, (subject, memberships)) in subjects.iter().zip(&now.memberships).enumerate() {
        let before = states.get(&subject.ordinal.into());
        if before.is_some_and(|before| is_ahead(before, subject)) {
            ahead.push(place);
            continue;
        }
        let mut after: Vec<u32> = memberships.iter().filter_map(|name| codes.get(name).copied()).collect();
        after.sort_unstable();
        let found = difference(&before.map(|before| unpack(&before.codes)).unwrap_or_default(), &after);
        if !found.is_empty() {
            let moved = moved(&found, &names, &now, subject, why);
            add(&mut moves, of, (subject, before), &after, (moved, now.micros, now.day));
        }
    }
    history::write(tx, of, moves).await.map(|()| ahead)
}

/// Lets an erased customer leave everything, and its history with it. A second time there is nothing left to do.
pub(super) async fn erase(keeper: &Keeper, tx: &Tx, memory: &Memory, of: &str, customer_key: &str) -> Result<()> {
    tenant::lock(tx, of).await?;
    // What is left of the customer in the table of vectors lies under the random key.
    let Some(ordinal) = vector::ordinals_of(tx, of, &[customer_key]).await?.remove(customer_key) else {
        return Ok(());
    };
    let subject =
        Subject { customer_key: customer_key.to_owned(), owner_path: "/".into(), ordinal, ..Default::default() };
    let now = now(memory, of, std::slice::from_ref(&subject));
    if let Some(before) = history::states(tx, of, &[ordinal.into()]).await?.remove(&i64::from(ordinal)) {
        let left = Difference { joined: Vec::new(), left: unpack(&before.codes) };
        let codes = keeper.codes(tx, of, &[], &left.left.iter().copied().collect()).await?;
        let names = codes.iter().map(|(name, code)| (*code, name.as_str())).collect();
        let moved = moved(&left, &names, &now, &subject, pb::MoveTrigger::Erasure);
        let mut moves = Moves::default();
        if !left.is_empty() {
            moves.tally.count(&moved, now.day);
            moves.feed.push(row(of, &subject, moved));
        }
        history::write(tx, of, moves).await?;
    }
    history::erase(tx, of, ordinal.into(), customer_key).await?;
    segment_source::erase_member(tx, of, ordinal).await
}

/// True if the customer was judged by a later row than memory has applied.
fn is_ahead(before: &membership_state::Model, subject: &Subject) -> bool {
    let (judged, known) = (before.position.parse::<Position>().ok(), subject.known);
    judged.zip(known).is_some_and(|(judged, known)| judged > known)
}

fn moved(
    found: &Difference<u32>,
    names: &HashMap<u32, &str>,
    now: &Now,
    subject: &Subject,
    why: pb::MoveTrigger,
) -> pb::Move {
    let each = |code: &u32| {
        let membership = (*names.get(code)?).to_owned();
        Some(pb::MoveMembership { revision: now.live.revision_of(owner_of(&membership)), membership })
    };
    let all = |codes: &[u32]| {
        let mut all: Vec<_> = codes.iter().filter_map(each).collect();
        all.sort_unstable_by(|left, right| left.membership.cmp(&right.membership));
        all
    };
    pb::Move {
        joined: all(&found.joined),
        left: all(&found.left),
        move_time: Some(clock::timestamp(clock::from_micros(now.micros))),
        trigger: why.into(),
        position: subject.cursor.clone(),
    }
}

fn add(
    moves: &mut Moves,
    of: &str,
    (subject, before): (&Subject, Option<&membership_state::Model>),
    after: &[u32],
    (moved, micros, day): (pb::Move, i64, Day),
) {
    let number = before.map_or(0, |before| before.moves) + 1;
    let position = match subject.cursor.is_empty() {
        true => before.map(|before| before.position.clone()).unwrap_or_default(),
        false => subject.cursor.clone(),
    };
    let (tenant, ordinal) = (of.to_owned(), subject.ordinal.into());
    moves.states.push(membership_state::Model { tenant, ordinal, codes: pack(after), moves: number, position });
    moves.moves.push(membership_move::Model {
        tenant: of.to_owned(),
        ordinal,
        number,
        moved: micros,
        day: day.0,
        payload: moved.encode_to_vec(),
    });
    moves.tally.count(&moved, day);
    moves.feed.push(row(of, subject, moved));
}

fn row(of: &str, subject: &Subject, moved: pb::Move) -> feed::Row {
    feed::Row {
        tenant: of.to_owned(),
        kind: KIND,
        customer_id: subject.customer_id.clone(),
        customer_key: subject.customer_key.clone(),
        partition: subject.partition,
        owner_path: subject.owner_path.clone(),
        payload: pb::MembershipChange { header: None, moved: Some(moved) }.encode_to_vec(),
        traceparent: subject.traceparent.clone(),
    }
}
