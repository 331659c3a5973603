//! The way of events into the store: their types and customers are found, the writer takes in what passes, and what is
//! refused is laid aside with its reason before the caller is answered.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use huan_chassis::{Identity, Result};
use huan_proto::profile::v1 as pb;

use super::{Store, customer, identity, ingest::Taken, tenant::View};
use crate::convert::{
    self,
    event::{Checked, Refused},
};

/// What is wrong with an identity that leads nowhere, or to where the caller may not go.
const NOBODYS: &str = "is nobody's";

/// What to do when the writer has more to do than it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Tell the caller to come again.
    Refuse,
    /// Wait for a turn: the caller is held back by other means.
    Wait,
}

impl Store {
    /// Takes in a batch on a caller's behalf. Errors: NotFound (the tenant); Overloaded.
    pub async fn take_in(&self, by: &Identity, events: Vec<pb::Event>, when_full: WhenFull) -> Result<Taken> {
        let mut view = self.view(by.tenant()?).await?;
        if !convert::event::types_are_known(&events, &view) {
            // Another replica may have registered them a moment ago.
            view = self.fresh_view(&view.tenant).await?;
        }
        let (rows, mut refused) = convert::event::batch(events, &view);
        let (rows, nobodys) = self.find_customers(&view, by, rows).await?;
        refused.extend(nobodys);
        let mut taken = self.write(view.clone(), rows, when_full).await?;
        refused.append(&mut taken.refused);
        refused.sort_by_key(|refused| refused.index);
        self.keep_dead_letters(&view, &refused).await?;
        Ok(Taken { refused, ..taken })
    }

    async fn write(&self, view: Arc<View>, rows: Vec<Checked>, when_full: WhenFull) -> Result<Taken> {
        match when_full {
            _ if rows.is_empty() => Ok(Taken::default()),
            WhenFull::Refuse => self.ingest_events(view, rows).await,
            WhenFull::Wait => self.ingest_events_in_turn(view, rows).await,
        }
    }

    /// Finds the customers of those events that name an identity, and refuses those that it cannot find for this caller.
    async fn find_customers(
        &self,
        view: &View,
        by: &Identity,
        rows: Vec<Checked>,
    ) -> Result<(Vec<Checked>, Vec<Refused>)> {
        if rows.iter().all(|row| row.identity.is_none()) {
            return Ok((rows, Vec::new()));
        }
        let owners = self.owners_of(view, by, &rows).await?;
        let (mut found, mut refused) = (Vec::with_capacity(rows.len()), Vec::new());
        for mut row in rows {
            let Some(named) = &row.identity else {
                found.push(row);
                continue;
            };
            match owners.get(&(named.namespace.clone(), named.value_hash.clone())) {
                Some(customer_id) => {
                    row.row.customer_id.clone_from(customer_id);
                    found.push(row);
                }
                None => refused.push(convert::event::refused(&row, "identity", NOBODYS)?),
            }
        }
        Ok((found, refused))
    }

    /// The customers of the identities that rows name, by namespace and hash, as far as the caller may reach them. The
    /// server could not check that before: the request names no customer.
    async fn owners_of(
        &self,
        view: &View,
        by: &Identity,
        rows: &[Checked],
    ) -> Result<HashMap<(String, String), String>> {
        let named: Vec<_> = rows.iter().filter_map(|row| row.identity.as_deref().cloned()).collect();
        let mut owners = identity::resolve(self.db.read(), &view.tenant, &named).await?;
        if by.check_bank_wide("identity").is_err() {
            let mut reached = HashSet::new();
            for customer_id in owners.values().collect::<HashSet<_>>() {
                let root = customer::whole(self.db.read(), &view.tenant, customer_id).await?;
                if root.is_seen_by(by) {
                    reached.insert(customer_id.clone());
                }
            }
            owners.retain(|_, customer_id| reached.contains(customer_id));
        } else if named.iter().any(|row| !owners.contains_key(&(row.namespace.clone(), row.value_hash.clone()))) {
            let tx = self.db.begin().await?;
            owners = identity::resolve_or_create(&tx, view, named).await?;
            tx.commit().await?;
        }
        Ok(owners)
    }
}
