//! Data keys, one a customer, kept outside the store whose rows they seal: in a database of their own, each wrapped by a
//! master key that lies in neither. Destroying a key makes all that it sealed unreadable at once, in backups too. It
//! owns the table `data_key`; which rows are sealed under which key is for the services ([`envelope`] does it).

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use moka::sync::Cache;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, IntoActiveModel as _, JoinType,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Alias, Expr, OnConflict, Query},
};

use self::cipher::{Cipher, KEY};
use crate::{
    Error, Result,
    clock::{micros, system_now},
    config,
    store::{Store, lists, rows::runs},
};

mod cipher;
pub mod entity;
pub mod envelope;
pub mod master;
mod migration;
mod new_keys;
mod passing;
mod rotate;

pub use envelope::{Envelope, Enveloped, PLAIN, Rings, SEALED};
pub use master::Masters;
pub use new_keys::NewKeys;

/// Keys held in memory, some 250 bytes each.
const REMEMBERED: u64 = 100_000;
/// How long a key is held: another replica that has destroyed it is believed after this at the latest. What the key
/// sealed has left the store by then, since an erasure deletes the rows before the key.
const FRESH: Duration = Duration::from_secs(30);
/// Rows a statement.
const CHUNK: usize = 500;
/// What a list of values is called, whose column both databases call column1.
const WANTED: &str = "wanted";
const COLUMNS: [entity::Column; 3] = [entity::Column::KeyId, entity::Column::MasterId, entity::Column::Wrapped];
/// Those of them that are texts.
const TEXTS: [&str; 2] = ["key_id", "master_id"];
/// What the one who writes keeps of the database in memory: keys that are made at once lie together.
const CACHE: &str = "-8192";
/// Connections to the database of keys.
const CONNECTIONS: u32 = 4;

/// The keys of one service. Clones share everything.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Store,
    masters: Masters,
    known: Cache<(String, String), DataKey>,
}

/// One customer's key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Arc<[u8; KEY]>);

/// Keys by their ids.
pub type Ring = HashMap<String, DataKey>;

impl Vault {
    /// Opens the database of keys and reads the master keys. Errors: internal, if either cannot be read, or if keys are
    /// wrapped under a master that the file does not hold.
    pub async fn open(config: &config::Keys) -> Result<Self> {
        let masters = Masters::from_file(&config.master_file)?;
        let database = config::Database { url: config.url.clone(), max_connections: CONNECTIONS };
        let store = Store::open_caching::<migration::Migrator>(&database, CACHE).await?;
        let known = Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build();
        let vault = Self(Arc::new(Inner { store, masters, known }));
        vault.check_masters(&config.master_file).await?;
        Ok(vault)
    }

    /// Finds keys of a tenant. One that was destroyed, or never made, is not in the answer.
    pub async fn keys(&self, tenant: &str, ids: &BTreeSet<&str>) -> Result<Ring> {
        let mut found = self.known(tenant, ids);
        let missing: Vec<&str> = ids.iter().copied().filter(|id| !found.contains_key(*id)).collect();
        for missing in runs(&missing) {
            let read = self.read(self.0.store.read(), tenant, &missing).await?;
            self.remember(tenant, &read);
            found.extend(read);
        }
        Ok(found)
    }

    /// Finds keys of a tenant and makes those that there are not, which are durable when this returns. A key that was
    /// destroyed is made anew, as another: whoever seals makes sure first that its customer is still there.
    pub async fn make(&self, tenant: &str, ids: &BTreeSet<&str>) -> Result<Ring> {
        let mut found = self.keys(tenant, ids).await?;
        let missing: Vec<&str> = ids.iter().copied().filter(|id| !found.contains_key(*id)).collect();
        found.extend(self.insert(tenant, &missing).await?);
        Ok(found)
    }

    /// Makes keys, unless another replica has made them since.
    async fn insert(&self, tenant: &str, missing: &[&str]) -> Result<Ring> {
        let mut new = Ring::with_capacity(missing.len());
        if missing.is_empty() {
            return Ok(new);
        }
        let tx = self.0.store.begin().await?;
        for missing in missing.chunks(CHUNK) {
            let mut rows = Vec::with_capacity(missing.len());
            let mut made = Ring::with_capacity(missing.len());
            for id in missing {
                let key = DataKey::generate();
                rows.push(self.new_row(tenant, id, &key).await?.into_active_model());
                made.insert((*id).to_owned(), key);
            }
            let key = [entity::Column::Tenant, entity::Column::KeyId];
            let first = OnConflict::columns(key).do_nothing().to_owned();
            let insert = entity::Entity::insert_many(rows).on_conflict(first);
            new.extend(match insert.exec_without_returning(&*tx).await? {
                all if all == missing.len() as u64 => made,
                // Another replica was first with some: its keys hold.
                _ => self.read(&*tx, tenant, missing).await?,
            });
        }
        tx.commit().await?;
        self.remember(tenant, &new);
        Ok(new)
    }

    /// Destroys a key for good. A key that is not there is no error.
    pub async fn destroy(&self, tenant: &str, id: &str) -> Result<()> {
        let tx = self.0.store.begin().await?;
        entity::Entity::delete_by_id((tenant.to_owned(), id.to_owned())).exec(&*tx).await?;
        tx.scrub([id]).await?;
        tx.commit().await?;
        self.0.known.invalidate(&(tenant.to_owned(), id.to_owned()));
        Ok(())
    }

    fn known(&self, tenant: &str, ids: &BTreeSet<&str>) -> Ring {
        let mut place = (tenant.to_owned(), String::new());
        let mut find = |id: &&str| {
            place.1.clear();
            place.1.push_str(id);
            Some(((*id).to_owned(), self.0.known.get(&place)?))
        };
        ids.iter().filter_map(&mut find).collect()
    }

    fn remember(&self, tenant: &str, keys: &Ring) {
        for (id, key) in keys {
            self.0.known.insert((tenant.to_owned(), id.clone()), key.clone());
        }
    }

    /// Looks each of the keys up by itself: of an `IN` SQLite makes a table first.
    async fn read(&self, db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<Ring> {
        let of_tenant = Expr::col((entity::Entity, entity::Column::Tenant)).eq(tenant);
        let wanted = Expr::col((Alias::new(WANTED), Alias::new("column1")));
        let of_key = Expr::col((entity::Entity, entity::Column::KeyId)).eq(wanted);
        let mut select = Query::select();
        select
            .columns(COLUMNS.map(|column| (entity::Entity, column)))
            .from_values(ids.iter().copied(), Alias::new(WANTED))
            .join(JoinType::InnerJoin, entity::Entity, of_tenant.and(of_key));
        let lists = lists::read(db, select, TEXTS, Some("wrapped")).await?;
        self.unwrap(tenant, &lists.rows()?).await
    }

    /// Unwraps keys as they were read: by id and master.
    async fn unwrap(&self, tenant: &str, rows: &[([&str; 2], &[u8])]) -> Result<Ring> {
        let mut found = Ring::with_capacity(rows.len());
        for &([id, master_id], wrapped) in rows {
            // A run's last id comes again for each place that it fills.
            if !found.contains_key(id) {
                let key = self.0.masters.unwrap(master_id, bound(tenant, id), wrapped).await?;
                found.insert(id.to_owned(), key);
            }
        }
        Ok(found)
    }

    async fn new_row(&self, tenant: &str, id: &str, key: &DataKey) -> Result<entity::Model> {
        let (master_id, wrapped) = self.0.masters.wrap(bound(tenant, id), key).await?;
        Ok(entity::Model {
            tenant: tenant.to_owned(),
            key_id: id.to_owned(),
            master_id,
            wrapped,
            create_time: micros(system_now()),
        })
    }

    /// The masters that keys are wrapped under: one look-up each, however many keys there are.
    async fn used_masters(&self) -> Result<Vec<String>> {
        let mut used: Vec<String> = Vec::new();
        loop {
            let last = used.last().cloned().unwrap_or_default();
            let next = entity::Entity::find().select_only().column(entity::Column::MasterId);
            let next = next.filter(entity::Column::MasterId.gt(last)).order_by_asc(entity::Column::MasterId).limit(1);
            match next.into_tuple().one(self.0.store.read()).await? {
                Some(next) => used.push(next),
                None => return Ok(used),
            }
        }
    }

    /// Errors: internal, naming a master that keys are wrapped under and the file does not hold.
    async fn check_masters(&self, file: &Path) -> Result<()> {
        let used = self.used_masters().await?;
        match used.iter().find(|id| !self.0.masters.holds(id)) {
            None => Ok(()),
            Some(id) => Err(Error::Internal(format!("{}: lacks the master key {id}, which is in use", file.display()))),
        }
    }
}

impl DataKey {
    fn generate() -> Self {
        Self(Arc::new(cipher::draw_key()))
    }

    fn cipher(&self) -> Cipher {
        Cipher::new(&self.0)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

/// What a wrapped key is bound to: it does not unwrap in another's place.
fn bound(tenant: &str, id: &str) -> Vec<u8> {
    [tenant.as_bytes(), b"\0", id.as_bytes()].concat()
}
