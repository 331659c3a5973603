//! Keeping the history of memberships: who joined and left what. Rows of profile's feed are judged in the transaction that
//! applies them; what changes without a row, by a new day or definition, is found by a scan. Of several replicas one at a
//! time keeps the history of a customer: the one that holds the lease of the customer's partition.
//!
//! What a customer was last known to belong to is on disk and is what every judgement is compared with. Therefore a batch
//! that is applied again writes nothing twice, and a replica that takes over goes on where the last one stopped. It may be
//! behind the last one in the feed: what it does not yet know better is left alone until it does.

mod judge;
mod scan;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use huan_chassis::clock::{self, Day};
use huan_chassis::feed::Status;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Result, feed};
use huan_proto::profile::v1 as profile;
use huan_proto::segment::v1::MoveTrigger;

use crate::live::Live;
use crate::memory::Memory;
use crate::store::lease::{self, Partitions};
use crate::store::{history, tenant};

/// The work that is leased.
pub const WORK: &str = "history";

/// Keeps the history for one replica. Clones share it.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    owner: String,
    lease: Duration,
    /// The partitions held, as of the last renewal.
    held: AtomicU64,
    /// System time until which they are held, in microseconds since the epoch.
    until: AtomicI64,
    /// Grows whenever partitions are taken, or had expired: what was missed while nobody had them is to be found.
    taken: AtomicU64,
    /// Codes of memberships that are committed, by tenant.
    codes: Mutex<HashMap<String, HashMap<String, u32>>>,
}

/// What a tenant's last whole scan saw.
struct Seen {
    taken: u64,
    day: Day,
    live: Arc<Live>,
}

impl Keeper {
    /// A keeper of this name, which no other replica has, with leases of this length.
    pub fn new(owner: impl Into<String>, lease: Duration) -> Self {
        let (held, until, taken) = (AtomicU64::new(0), AtomicI64::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner { owner: owner.into(), lease, held, until, taken, codes: Mutex::default() }))
    }

    /// Renews the leases until the store is closed, scans when days and definitions change, then gives the leases up.
    pub async fn run(self, store: Store, memory: Memory, status: Status, look: Duration) {
        let work = async { tokio::join!(self.renew_again(&store), self.scan_again(&store, &memory, &status, look)) };
        tokio::select! {
            () = store.closed() => {}
            _ = work => {}
        }
        if let Err(error) = lease::release(&store, WORK, &self.0.owner).await {
            tracing::debug!(%error, "leases could not be given up and will expire");
        }
    }

    /// Renews the leases as of this system time.
    pub async fn renew(&self, store: &Store, now: DateTime<Utc>) -> Result<()> {
        let (now, until) = (clock::micros(now), clock::micros(now + self.0.lease));
        let held = lease::renew(store, WORK, &self.0.owner, now, until).await?;
        let before = (self.0.held.swap(held, Ordering::Relaxed), self.0.until.swap(until, Ordering::Relaxed));
        if held & !before.0 != 0 || now >= before.1 {
            self.0.taken.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Judges the customers of a batch that is applied to store and memory already, in the same transaction, as of this
    /// system time.
    pub async fn follow(
        &self,
        tx: &Tx,
        memory: &Memory,
        batch: &[profile::WatchProfilesResponse],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let changes = judge::Changes::of(batch);
        if changes.is_empty() {
            return Ok(());
        }
        let held = self.hold(tx, now).await?;
        for (of, subjects) in changes.subjects {
            let subjects: Vec<_> = subjects.into_values().filter(|subject| holds(held, subject.partition)).collect();
            let subjects = judge::with_ordinals(tx, memory, &of, subjects).await?;
            judge::judge(self, tx, memory, &of, &subjects, MoveTrigger::Profile).await?;
        }
        // Whoever sees an erasure first does it, lease or not.
        for header in changes.erased {
            judge::erase(self, tx, memory, &header.tenant_id, &header.customer_key).await?;
        }
        Ok(())
    }

    /// Scans every tenant whose day, definitions or leases have changed since its last whole scan.
    async fn scan_again(&self, store: &Store, memory: &Memory, status: &Status, look: Duration) {
        let mut seen: HashMap<String, Seen> = HashMap::new();
        loop {
            for of in memory.names() {
                match self.scan_changed(store, memory, status, &of, seen.get(&of)).await {
                    Ok(Some(now)) => _ = seen.insert(of, now),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "memberships could not be scanned, trying again"),
                }
            }
            tokio::time::sleep(look).await;
        }
    }

    /// Scans a tenant if anything has changed, and answers what the scan has seen; `None` if it is to be scanned again.
    async fn scan_changed(
        &self,
        store: &Store,
        memory: &Memory,
        status: &Status,
        of: &str,
        seen: Option<&Seen>,
    ) -> Result<Option<Seen>> {
        if self.seen(memory, of).why(seen).is_none() {
            return Ok(None);
        }
        // Before it is told why, so that nothing changes in between.
        memory.refresh_changed(store).await?;
        let now = self.seen(memory, of);
        match now.why(seen) {
            Some(why) if !self.scan(store, memory, status, of, why).await? => Ok(None),
            _ => Ok(Some(now)),
        }
    }

    fn seen(&self, memory: &Memory, of: &str) -> Seen {
        let taken = self.0.taken.load(Ordering::Relaxed);
        let (day, live) = memory.tenant(of).read(|state| (state.time.today(), state.live.clone()));
        Seen { taken, day, live }
    }

    /// Compares what every customer of a tenant belongs to with what was last known, and writes down what has changed.
    /// False: some customers could not be judged yet, and are to be scanned again.
    async fn scan(&self, store: &Store, memory: &Memory, status: &Status, of: &str, why: MoveTrigger) -> Result<bool> {
        if self.0.held.load(Ordering::Relaxed) == 0 {
            return Ok(true);
        }
        scan::scan(self, store, memory, status, of, why).await
    }

    async fn renew_again(&self, store: &Store) {
        loop {
            if let Err(error) = self.renew(store, clock::system_now()).await {
                tracing::warn!(%error, "leases could not be renewed");
            }
            tokio::time::sleep(self.0.lease / 3).await;
        }
    }

    /// The partitions that are held for certain until the transaction ends.
    async fn hold(&self, tx: &Tx, now: DateTime<Utc>) -> Result<Partitions> {
        lease::hold(tx, WORK, &self.0.owner, clock::micros(now)).await
    }

    /// The codes of a tenant's memberships, these among them, and those that have these codes.
    async fn codes(
        &self,
        tx: &Tx,
        of: &str,
        memberships: &[String],
        before: &BTreeSet<u32>,
    ) -> Result<HashMap<String, u32>> {
        let lacks = |codes: &HashMap<String, u32>| memberships.iter().any(|name| !codes.contains_key(name));
        let spells = |codes: &HashMap<String, u32>| {
            let known: HashSet<u32> = codes.values().copied().collect();
            before.iter().all(|code| known.contains(code))
        };
        let known = self.0.codes.lock().unwrap_or_else(PoisonError::into_inner).get(of).cloned();
        if let Some(codes) = known.filter(|codes| !lacks(codes) && spells(codes)) {
            return Ok(codes);
        }
        let codes = history::codes(&**tx, of).await?;
        // What is added below may be rolled back, so it is only kept once it is read again.
        self.0.codes.lock().unwrap_or_else(PoisonError::into_inner).insert(of.to_owned(), codes.clone());
        if !lacks(&codes) {
            return Ok(codes);
        }
        tenant::lock(tx, of).await?;
        history::add_codes(tx, of, memberships).await
    }
}

fn holds(held: Partitions, partition: u32) -> bool {
    held >> (partition % feed::PARTITIONS) & 1 == 1
}

impl Seen {
    /// Why a tenant is to be scanned; `None` if it is not. Where both day and definitions are others, it is the day.
    fn why(&self, before: Option<&Self>) -> Option<MoveTrigger> {
        match before {
            Some(before) if before.taken == self.taken => {
                match (before.day == self.day, Arc::ptr_eq(&before.live, &self.live)) {
                    (false, _) => Some(MoveTrigger::Day),
                    (true, false) => Some(MoveTrigger::Definition),
                    (true, true) => None,
                }
            }
            _ => Some(MoveTrigger::CatchUp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_knows_why_it_is_made() {
        let (live, newer) = (Arc::new(Live::default()), Arc::new(Live::default()));
        let seen = |taken, day, live: &Arc<Live>| Seen { taken, day: Day(day), live: live.clone() };
        let before = seen(1, 3, &live);
        assert_eq!(seen(0, 3, &live).why(None), Some(MoveTrigger::CatchUp));
        assert_eq!(seen(1, 3, &live).why(Some(&before)), None);
        assert_eq!(seen(2, 3, &live).why(Some(&before)), Some(MoveTrigger::CatchUp));
        assert_eq!(seen(1, 3, &newer).why(Some(&before)), Some(MoveTrigger::Definition));
        assert_eq!(seen(1, 4, &live).why(Some(&before)), Some(MoveTrigger::Day));
        assert_eq!(seen(1, 4, &newer).why(Some(&before)), Some(MoveTrigger::Day));
    }
}
