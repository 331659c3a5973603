//! What is held in memory of every tenant: columns, catalogue, business time and live definitions, each tenant behind
//! one lock that is held for microseconds and never across an await.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use huan_chassis::clock::{self, Clock, Day, TenantTime};
use huan_chassis::server::Owners;
use huan_chassis::store::Store;
use huan_chassis::{Error, Result};
use huan_proto::profile::v1 as profile;
use huan_proto::profile::v1::business_clock::Source;

use crate::catalogue::Catalogue;
use crate::columns::{Columns, Customer, Row, Snapshot};
use crate::live::{Draft, Live};
use crate::members::Members;
use crate::model::live::Models;
use crate::store;
use crate::store::definition::{Definitions, definitions_of};
use crate::store::entity::{tenant, vector};

/// Rows read from the store at once when a process starts.
const PAGE: u64 = 10_000;

/// All tenants. Clones share them.
#[derive(Clone, Default)]
pub struct Memory(Arc<RwLock<HashMap<String, Arc<Tenant>>>>);

/// One tenant. Who belongs where has a lock of its own, which is held for as long as it takes to bring that up to date.
#[derive(Default)]
pub struct Tenant {
    state: RwLock<State>,
    members: RwLock<Members>,
}

/// What a tenant's lock guards.
pub struct State {
    /// The features.
    pub catalogue: Catalogue,
    /// The vectors.
    pub columns: Columns,
    /// Whose vectors answer for those who were merged.
    pub roots: HashMap<String, String>,
    /// The business clock.
    pub time: TenantTime,
    /// The definitions, compiled against this catalogue.
    pub live: Arc<Live>,
    /// The versions of models that score, bound to this catalogue.
    pub models: Arc<Models>,
}

impl Default for State {
    fn default() -> Self {
        let time = TenantTime { clock: Clock::System, zone: chrono_tz::Asia::Shanghai };
        let (catalogue, columns) = (Catalogue::default(), Columns::default());
        Self { catalogue, columns, roots: HashMap::new(), time, live: Arc::default(), models: Arc::default() }
    }
}

impl Memory {
    /// Reads everything from the store.
    pub async fn load(store: &Store) -> Result<Self> {
        let memory = Self::default();
        for row in store::tenant::all_tenants(store).await? {
            memory.load_tenant(store, &row).await?;
        }
        Ok(memory)
    }

    /// A tenant; nothing is known of a new one.
    pub fn tenant(&self, name: &str) -> Arc<Tenant> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| {
            self.0.write().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default().clone()
        })
    }

    /// The names of all tenants.
    pub fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Compiles a tenant's definitions as the store has them now.
    pub async fn refresh(&self, store: &Store, name: &str) -> Result<()> {
        let definitions = definitions_of(store.read(), name).await?;
        let known = self.tenant(name).read(|state| state.models.clone());
        let versions = crate::training::live_versions(store, name, &known).await?;
        self.tenant(name).write(|state| {
            if definitions.revision >= state.models.revision {
                state.models = Arc::new(Models::new(definitions.revision, versions, &state.catalogue));
            }
        });
        self.tenant(name).install(definitions);
        Ok(())
    }

    /// Compiles the definitions of every tenant whose revision in the store is another: other replicas write too.
    pub async fn refresh_changed(&self, store: &Store) -> Result<()> {
        for (name, revision) in store::tenant::revisions(store).await? {
            if self.tenant(&name).read(|state| state.live.revision) < revision {
                self.refresh(store, &name).await?;
            }
        }
        Ok(())
    }

    /// Brings every tenant's memberships up to date, off the async threads.
    pub async fn follow_members(&self) -> Result<()> {
        let tenants: Vec<_> = self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let follow = move || tenants.iter().for_each(|tenant| tenant.members(|_, _| ()));
        tokio::task::spawn_blocking(follow).await.map_err(|error| Error::Internal(error.to_string()))
    }

    async fn load_tenant(&self, store: &Store, row: &tenant::Model) -> Result<()> {
        let tenant = self.tenant(&row.tenant);
        tenant.set_settings(&decode(&row.settings)?);
        tenant.set_catalogue(&decode(&row.catalogue)?);
        let read = |after| store::vector::page_of_vectors(store, &row.tenant, after, PAGE);
        let mut page = read(-1).await?;
        while let Some(last) = page.last() {
            // One page is decoded while the next is read. More readers at once would wait for one another.
            let (next, put) = tokio::join!(read(last.ordinal), put_page(tenant.clone(), page));
            put?;
            page = next?;
        }
        self.refresh(store, &row.tenant).await
    }
}

impl Tenant {
    /// Reads under the lock. `look` is short and does not wait.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes under the lock. `change` is short and does not wait.
    pub fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// All rows as they stand and the business day.
    pub fn snapshot(&self) -> (Snapshot, Arc<Live>, TenantTime) {
        self.read(|state| (state.columns.snapshot(), state.live.clone(), state.time.clone()))
    }

    /// Looks at everybody's memberships as of now, the time that is told. Call it off the async threads: only the rows
    /// that changed since the last time are evaluated, but after a change of definitions or of the day it is all of them.
    pub fn members<T>(&self, look: impl FnOnce(&Members, DateTime<Utc>) -> T) -> T {
        let mut members = self.members.write().unwrap_or_else(|poisoned| {
            // What broke off may have lost changes.
            let mut members = poisoned.into_inner();
            *members = Members::default();
            self.members.clear_poison();
            members
        });
        let now = self.read(|state| state.time.now());
        let current = |state: &State| state.columns.is_unchanged() && members.is_of(&state.live, state.time.day(now));
        if !self.read(current) {
            let (rows, live, today, changed) = self.write(|state| {
                let changed = state.columns.take_changed();
                (state.columns.snapshot(), state.live.clone(), state.time.day(now), changed)
            });
            members.follow(&live, &rows, today, &changed);
        }
        look(&members, now)
    }

    /// A customer's memberships, ascending: those that are kept, if nothing has changed since and nobody is at work on
    /// them, else those that the rules say now. They are the same.
    pub fn memberships(&self, state: &State, row: &Row<'_>) -> Vec<String> {
        let ordinal = row.ordinal();
        let kept = self.members.try_read().ok();
        let kept = kept.filter(|kept| kept.is_of(&state.live, Day(row.today())) && !state.columns.has_changed(ordinal));
        kept.map_or_else(|| state.live.memberships(row), |kept| kept.at(ordinal))
    }

    /// Takes over a tenant's settings.
    pub fn set_settings(&self, settings: &profile::Tenant) {
        let source = settings.clock.as_ref().and_then(|clock| clock.source.as_ref());
        let clock = match source {
            None => Clock::System,
            Some(Source::Offset(offset)) => {
                Clock::Offset(TimeDelta::seconds(offset.seconds) + TimeDelta::nanoseconds(offset.nanos.into()))
            }
            Some(Source::FixedTime(time)) => clock::datetime(time).map_or(Clock::System, Clock::Fixed),
        };
        let zone = settings.time_zone.parse().unwrap_or(chrono_tz::Asia::Shanghai);
        self.write(|state| state.time = TenantTime { clock, zone });
    }

    /// Takes over a tenant's catalogue. The definitions are to be installed again after it.
    pub fn set_catalogue(&self, catalogue: &profile::Catalogue) {
        self.write(|state| {
            state.catalogue.replace(&catalogue.features);
            state.models = Arc::new(state.models.bind(&state.catalogue));
        });
    }

    /// Takes over a customer's vector, or that another's answers for it.
    pub fn put(&self, row: &vector::Model, vector: &profile::Vector) -> Result<()> {
        let ordinal = u32::try_from(row.ordinal).map_err(|_| Error::Internal("too many customers".into()))?;
        let customer = Customer {
            customer_id: &row.customer_id,
            customer_key: &row.customer_key,
            owner_path: &row.owner_path,
            as_of: row.as_of,
        };
        self.write(|state| {
            if row.root_id.is_empty() {
                state.roots.remove(&row.customer_id);
                state.columns.put(&state.catalogue, ordinal, customer, vector);
            } else {
                state.roots.insert(row.customer_id.clone(), row.root_id.clone());
                state.columns.forget(&row.customer_id);
            }
        });
        Ok(())
    }

    /// Compiles definitions and lets them live, unless newer ones do already.
    pub fn install(&self, definitions: Definitions) {
        let draft = Draft::new(definitions);
        self.write(|state| {
            if draft.revision() >= state.live.revision {
                state.live = Arc::new(draft.compile(&state.catalogue, state.columns.names_mut()));
            }
        });
    }
}

impl State {
    /// Whose vector answers for a customer.
    pub fn root<'a>(&'a self, customer_id: &'a str) -> &'a str {
        self.roots.get(customer_id).map_or(customer_id, String::as_str)
    }
}

impl Owners for Memory {
    fn owner_path<'a>(&'a self, tenant: &'a str, customer_id: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        let path = |state: &State| {
            let row = state.columns.row(state.root(customer_id), Day(0));
            row.map(|row| row.customer().owner_path.to_owned())
        };
        Box::pin(std::future::ready(Ok(self.tenant(tenant).read(path))))
    }
}

/// Takes over a page of vectors from the store, off the async threads.
async fn put_page(tenant: Arc<Tenant>, page: Vec<vector::Model>) -> Result<()> {
    let put = move || {
        let mut customers = page.iter().filter(|row| !row.is_erased());
        customers.try_for_each(|row| tenant.put(row, &decode(&row.payload)?))
    };
    tokio::task::spawn_blocking(put).await.map_err(|error| Error::Internal(error.to_string()))?
}

/// Reads a message back. Error: internal, if the bytes are not one.
pub fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|error| Error::Internal(format!("a stored message: {error}")))
}
