//! Tenants, and what every other request needs of one: its view, kept in memory for a second at most. A change made by
//! this process shows at once.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use hmac::{Hmac, Mac};
use huan_chassis::{
    Error, Result,
    clock::{self, TenantTime},
    feed,
    store::{Store as Database, Tx},
    vault::Vault,
};
use huan_proto::profile::v1::{self as pb, profile_change::Change};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, IntoActiveModel, QueryOrder, QuerySelect};
use sha2::Sha256;

use super::{
    Store,
    entity::{event, tenant},
    event_type, feature, kyc,
};
use crate::{
    convert::{self, envelope},
    event::Shape,
    feature::{Catalogue, Plan, template},
    window::Occurrence,
};

/// How old a view may be before it is read again: another replica may have changed the tenant.
const FRESH: Duration = Duration::from_secs(1);

/// What requests need of a tenant.
#[derive(Debug)]
pub struct View {
    /// The tenant's id.
    pub tenant: String,
    /// Its settings' row, whose secret is open.
    pub row: tenant::Model,
    /// Its business clock and time zone.
    pub time: TenantTime,
    /// Its registered event types by name.
    pub types: HashMap<String, EventType>,
    /// Its feature catalogue.
    pub catalogue: Arc<Catalogue>,
    /// The catalogue as it applies to these types.
    pub plan: Plan,
    /// Its questions about companies.
    pub kyc: Arc<pb::KycTemplate>,
    /// When it was read.
    pub read_at: Instant,
}

/// What ingest needs of an event type.
#[derive(Debug)]
pub struct EventType {
    /// Its number in packed rows.
    pub number: u32,
    /// Whether reviews may measure it.
    pub is_outcome: bool,
    /// What the attributes of its events must be.
    pub shape: Shape,
}

impl View {
    /// The view as it stands now, if the catalogue or the types have changed since this one was read. Whoever writes
    /// vectors or packed rows asks after the customers are locked, so that none is written under an older catalogue.
    pub async fn newer(&self, tx: &Tx) -> Result<Option<View>> {
        let version = tenant::Entity::find_by_id(self.tenant.clone()).select_only().column(tenant::Column::Catalogue);
        let version: Option<i64> = version.into_tuple().one(&**tx).await?;
        if version == Some(self.row.catalogue) {
            return Ok(None);
        }
        read_view(&**tx, tx.vault()?, &self.tenant, Some(self)).await.map(Some)
    }

    /// What an event adds to its day. Its attributes are read only if something depends on them.
    pub fn occurrence(&self, event_type: u32, row: &event::Model) -> Result<Occurrence> {
        let attributes = match self.plan.reads_attributes(event_type) {
            true => envelope::open::<pb::Event>(row.format, &row.payload)?.attributes,
            false => HashMap::new(),
        };
        let event = pb::Event {
            source: row.source.clone(),
            r#type: row.event_type.clone(),
            amount_minor: row.amount_minor,
            attributes,
            ..Default::default()
        };
        Ok(self.plan.occurrence(event_type, &event, &self.row.secret))
    }

    /// The keyed hash under which a personal value of some kind is found. The key is the tenant's own, so equal values
    /// of two tenants do not meet; it lies sealed in the store, so that who has a copy of that alone cannot try values out.
    pub fn hash(&self, kind: &str, value: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.row.secret).expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        mac.update(b"\0");
        mac.update(value.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// The views of all tenants.
#[derive(Debug)]
pub struct Tenants {
    db: Database,
    views: RwLock<HashMap<String, Arc<View>>>,
}

impl Tenants {
    /// Begins with none in memory.
    pub fn new(db: Database) -> Self {
        Self { db, views: RwLock::default() }
    }

    /// The tenant's view, a second old at most. Errors: NotFound.
    pub async fn view(&self, tenant: &str) -> Result<Arc<View>> {
        match self.known(tenant) {
            Some(view) if view.read_at.elapsed() < FRESH => Ok(view),
            _ => self.renew(tenant).await,
        }
    }

    /// The tenant's view as it stands now. Errors: NotFound.
    pub async fn renew(&self, tenant: &str) -> Result<Arc<View>> {
        let view = Arc::new(read_view(self.db.read(), self.db.vault()?, tenant, self.known(tenant).as_deref()).await?);
        let mut views = self.views.write().unwrap_or_else(|broken| broken.into_inner());
        views.insert(tenant.to_owned(), view.clone());
        Ok(view)
    }

    fn known(&self, tenant: &str) -> Option<Arc<View>> {
        self.views.read().unwrap_or_else(|broken| broken.into_inner()).get(tenant).cloned()
    }
}

impl Store {
    /// The tenant's view, a second old at most. Errors: NotFound.
    pub async fn view(&self, tenant: &str) -> Result<Arc<View>> {
        self.tenants.view(tenant).await
    }

    /// The tenant's view as it stands now. Errors: NotFound.
    pub async fn fresh_view(&self, tenant: &str) -> Result<Arc<View>> {
        self.tenants.renew(tenant).await
    }

    /// Creates a tenant and publishes its settings and its catalogue. Errors: AlreadyExists, unless this very request
    /// created it.
    pub async fn create_tenant(&self, row: tenant::Model) -> Result<tenant::Model> {
        let tx = self.db.begin().await?;
        if let Some(found) = find(&*tx, &row.tenant).await? {
            let again = found.request_id == row.request_id;
            return if again { Ok(found) } else { Err(Error::AlreadyExists { what: "tenant", field: "huan-tenant" }) };
        }
        let now = convert::tenant::time(&row)?.now();
        let row = tenant::Model {
            secret: uuid::Uuid::new_v4().into_bytes().into_iter().chain(uuid::Uuid::new_v4().into_bytes()).collect(),
            rolled_day: convert::tenant::time(&row)?.today().0,
            rolled_time: clock::micros(now),
            catalogue: 1,
            create_time: clock::micros(clock::system_now()),
            ..row
        };
        let sealed = tx.vault()?.seal(vec![row.clone()]).await?.remove(0);
        tenant::Entity::insert(sealed.into_active_model()).exec_without_returning(&*tx).await?;
        feature::begin(&tx, &row.tenant, template::base()).await?;
        publish(&tx, &row).await?;
        feature::publish(&tx, &row.tenant).await?;
        tx.commit().await?;
        self.tenants.renew(&row.tenant).await?;
        Ok(row)
    }

    /// Sets a tenant's clock, and if told so its rule of merges, and publishes its settings; windows and merges follow
    /// as soon as they can. Errors: NotFound; StaleRevision.
    pub async fn update_tenant(
        &self,
        tenant: &str,
        revision: i64,
        clock: (i16, i64),
        merge_by_id_number: Option<bool>,
    ) -> Result<tenant::Model> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, tenant).await?;
        if row.revision != revision {
            return Err(Error::StaleRevision { what: "tenant" });
        }
        let merge_by_id_number = merge_by_id_number.unwrap_or(row.merge_by_id_number);
        let (clock_kind, clock_micros) = clock;
        let row = tenant::Model { clock_kind, clock_micros, merge_by_id_number, revision: revision + 1, ..row };
        let mut change = row.clone().into_active_model();
        change.clock_kind = Set(row.clock_kind);
        change.clock_micros = Set(row.clock_micros);
        change.merge_by_id_number = Set(row.merge_by_id_number);
        change.revision = Set(row.revision);
        tenant::Entity::update(change).exec(&*tx).await?;
        publish(&tx, &row).await?;
        tx.commit().await?;
        self.tenants.renew(tenant).await?;
        self.roll.notify_one();
        Ok(row)
    }

    /// The ids of all tenants.
    pub async fn tenant_ids(&self) -> Result<Vec<String>> {
        let ids = tenant::Entity::find().select_only().column(tenant::Column::Tenant);
        Ok(ids.order_by_asc(tenant::Column::Tenant).into_tuple().all(self.db.read()).await?)
    }
}

/// Locks and reads a tenant's row. Errors: NotFound.
pub async fn lock(tx: &Tx, tenant: &str) -> Result<tenant::Model> {
    let row = tenant::Entity::find_by_id(tenant.to_owned()).lock_exclusive().one(&**tx).await?;
    row.ok_or(Error::NotFound { what: "tenant", field: "huan-tenant" })
}

/// Publishes a tenant's settings.
pub async fn publish(tx: &Tx, row: &tenant::Model) -> Result<()> {
    let settings = Change::Tenant(convert::tenant::message(row));
    feed::publish(tx, vec![convert::feed::tenant_row(&row.tenant, settings)]).await.map(|_| ())
}

async fn find(db: &impl ConnectionTrait, tenant: &str) -> Result<Option<tenant::Model>> {
    Ok(tenant::Entity::find_by_id(tenant.to_owned()).one(db).await?)
}

/// Reads a view. The catalogue and the questions of the same version are taken over from the view before: filters are
/// parsed once.
async fn read_view(db: &impl ConnectionTrait, vault: &Vault, tenant: &str, before: Option<&View>) -> Result<View> {
    let read_at = Instant::now();
    let row = find(db, tenant).await?.ok_or(Error::NotFound { what: "tenant", field: "huan-tenant" })?;
    let row = vault.unseal(vec![row]).await?.remove(0);
    let types = event_type::all(db, tenant).await?;
    let (catalogue, kyc) = match before.filter(|before| before.row.catalogue == row.catalogue) {
        Some(before) => (before.catalogue.clone(), before.kyc.clone()),
        None => {
            let catalogue = feature::catalogue(db, tenant, row.catalogue).await?;
            (Arc::new(catalogue), Arc::new(kyc::template(db, tenant).await?))
        }
    };
    let numbers = types.iter().map(|row| (row.name.clone(), row.number as u32)).collect();
    let types = types.into_iter().map(|row| {
        let shape = Shape::of(convert::event_type::definition(&row)?);
        Ok((row.name, EventType { number: row.number as u32, is_outcome: row.is_outcome, shape }))
    });
    let types = types.collect::<Result<_>>()?;
    Ok(View {
        tenant: tenant.to_owned(),
        time: convert::tenant::time(&row)?,
        row,
        types,
        plan: catalogue.plan(&numbers),
        catalogue,
        kyc,
        read_at,
    })
}
