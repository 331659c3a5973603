//! The feature catalogues of the tenants. Whoever changes one holds the tenant's row, lets the catalogue's version grow
//! and publishes it, all in one transaction: no vector uses a feature before its catalogue has gone out. Computing what
//! was added is `build`'s.

use huan_chassis::{Error, Result, check::Faults, clock, feed, store::Tx};
use huan_proto::profile::v1::{self as pb, FeatureState, profile_change::Change};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::{
    Store,
    entity::{feature, tenant as tenant_entity},
    tenant, upsert,
};
use crate::{
    convert::feature::{column, definition, entry, in_vectors, row},
    convert::feed::tenant_row,
    feature::{Catalogue, check, is_kyc, names_of, needs_measure, same_measure, template},
};

/// The most features of a tenant.
const MAX_FEATURES: usize = 1000;

impl Store {
    /// Lists a tenant's features by number.
    pub async fn list_features(&self, tenant: &str) -> Result<Vec<feature::Model>> {
        let rows = all(self.db.read(), tenant).await?;
        Ok(rows.into_iter().filter(is_present).collect())
    }

    /// Reads a feature. Errors: NotFound.
    pub async fn get_feature(&self, tenant: &str, name: &str) -> Result<feature::Model> {
        let found = self.list_features(tenant).await?.into_iter().find(|row| row.name == name);
        found.ok_or(Error::NotFound { what: "feature", field: "name" })
    }

    /// Adds a feature, or answers with the one that this very request added. Errors: NotFound (the tenant); Invalid;
    /// AlreadyExists; WrongState if there are too many.
    pub async fn create_feature(&self, tenant: &str, request_id: &str, feature: pb::Feature) -> Result<feature::Model> {
        let tx = self.db.begin().await?;
        let mut edit = Edit::begin(&tx, tenant).await?;
        if let Some(found) = edit.rows.iter().find(|row| row.request_id.as_deref() == Some(request_id)) {
            return Ok(found.clone());
        }
        let added = edit.add("feature", feature, Some(request_id.to_owned()))?;
        edit.finish(&tx, vec![added.clone()]).await?;
        tx.commit().await?;
        self.catalogue_changed(tenant).await?;
        Ok(added)
    }

    /// Takes a feature out of the catalogue. Errors: NotFound; WrongState if another follows from it.
    pub async fn delete_feature(&self, tenant: &str, name: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let edit = Edit::begin(&tx, tenant).await?;
        let found = edit.rows.iter().find(|row| is_present(row) && row.name == name).cloned();
        let found = found.ok_or(Error::NotFound { what: "feature", field: "name" })?;
        if let Some(other) = edit.known.iter().find(|other| names_of(other).contains(&name)) {
            return Err(Error::WrongState { what: "feature", state: format!("one that {} follows from", other.name) });
        }
        let gone = feature::Model { state: column(FeatureState::Deleted), ..found };
        edit.finish(&tx, vec![gone]).await?;
        tx.commit().await?;
        self.catalogue_changed(tenant).await
    }

    /// Adds the features of a template that the tenant lacks, and answers with them. Errors: NotFound; Invalid;
    /// WrongState if there are too many.
    pub async fn apply_template(&self, tenant: &str, name: &str) -> Result<Vec<feature::Model>> {
        let template = template::find(name).ok_or(Error::NotFound { what: "template", field: "template" })?;
        let tx = self.db.begin().await?;
        let mut edit = Edit::begin(&tx, tenant).await?;
        let mut added = Vec::new();
        for feature in &template.features {
            if !edit.known.iter().any(|known| known.name == feature.name) {
                added.push(edit.add(&feature.name, feature.clone(), None)?);
            }
        }
        if added.is_empty() {
            return Ok(added);
        }
        edit.finish(&tx, added.clone()).await?;
        tx.commit().await?;
        self.catalogue_changed(tenant).await?;
        Ok(added)
    }

    /// Lets requests see a changed catalogue at once, and builds what is to be built.
    pub(super) async fn catalogue_changed(&self, tenant: &str) -> Result<()> {
        self.tenants.renew(tenant).await?;
        self.build.notify_one();
        Ok(())
    }
}

/// A catalogue that is being changed, under its tenant's lock.
struct Edit {
    tenant: tenant_entity::Model,
    /// All rows, those of deleted features among them.
    rows: Vec<feature::Model>,
    /// The features that are present, by number.
    known: Vec<pb::Feature>,
}

impl Edit {
    async fn begin(tx: &Tx, tenant: &str) -> Result<Self> {
        let tenant = tenant::lock(tx, tenant).await?;
        let rows = all(&**tx, &tenant.tenant).await?;
        let known = rows.iter().filter(|row| is_present(row)).map(definition).collect::<Result<_>>()?;
        Ok(Self { tenant, rows, known })
    }

    /// Checks a feature and makes its row. Errors: Invalid; AlreadyExists; WrongState.
    fn add(&mut self, at: &str, feature: pb::Feature, request_id: Option<String>) -> Result<feature::Model> {
        let mut faults = Faults::new();
        let feature = check::definition(&mut faults, at, feature, &self.known);
        faults.finish()?;
        if self.known.iter().any(|known| known.name == feature.name) {
            return Err(Error::AlreadyExists { what: "feature", field: "feature.name" });
        }
        if self.known.len() >= MAX_FEATURES {
            return Err(Error::WrongState { what: "tenant", state: format!("full with {MAX_FEATURES} features") });
        }
        let number = self.rows.iter().map(|row| row.number).max().unwrap_or(0) + 1;
        let measure = self.measure_of(&feature).unwrap_or(if needs_measure(&feature) { number } else { 0 });
        let state =
            if self.must_be_built(&feature, measure) { FeatureState::Building } else { FeatureState::Publishing };
        let feature = pb::Feature { number: number as u32, ..feature };
        let row = row(&self.tenant.tenant, feature.clone(), state, clock::micros(clock::system_now()));
        let row = feature::Model { request_id, measure, ..row };
        self.rows.push(row.clone());
        self.known.push(feature);
        Ok(row)
    }

    /// Writes what was changed, and publishes the catalogue.
    async fn finish(self, tx: &Tx, changed: Vec<feature::Model>) -> Result<()> {
        let tenant = self.tenant.tenant.clone();
        upsert(tx, changed).await?;
        grow(tx, self.tenant).await?;
        publish(tx, &tenant).await
    }

    /// The measure that a present feature brought and this one shares.
    fn measure_of(&self, feature: &pb::Feature) -> Option<i32> {
        let same = self.known.iter().find(|known| same_measure(feature, known))?;
        self.rows.iter().find(|row| row.number == same.number as i32).map(|row| row.measure)
    }

    /// Whether the packed rows lack what the feature sums up, or what it follows from is still built.
    fn must_be_built(&self, feature: &pb::Feature, measure: i32) -> bool {
        let present = || self.rows.iter().filter(|row| is_present(row));
        let measured = measure == 0 || present().any(|row| row.measure == measure && in_vectors(row.state));
        let names = names_of(feature);
        let follows = present().any(|row| names.contains(&row.name.as_str()) && !in_vectors(row.state));
        !measured || follows
    }
}

/// Writes the features with which a new tenant begins.
pub async fn begin(tx: &Tx, tenant: &str, features: Vec<pb::Feature>) -> Result<()> {
    let now = clock::micros(clock::system_now());
    let live = |feature| row(tenant, feature, FeatureState::Live, now);
    upsert(tx, features.into_iter().map(live).collect()).await
}

/// Lets the version of a locked tenant's catalogue grow: writers take up its newest view from then on.
pub async fn grow(tx: &Tx, row: tenant_entity::Model) -> Result<()> {
    let version = row.catalogue + 1;
    let mut change = row.into_active_model();
    change.catalogue = Set(version);
    tenant_entity::Entity::update(change).exec(&**tx).await?;
    Ok(())
}

/// Lets the vectors take in once more what follows from a locked tenant's questions, which have changed: writers go by the
/// new ones from then on, and everybody else's vector is written anew in the background.
pub async fn ask_again(tx: &Tx, tenant: tenant_entity::Model) -> Result<()> {
    let mut again = Vec::new();
    for row in all(&**tx, &tenant.tenant).await?.into_iter().filter(|row| in_vectors(row.state)) {
        if is_kyc(&definition(&row)?) {
            let state = column(FeatureState::Publishing);
            again.push(feature::Model { state, reached: String::new(), done: 0, ..row });
        }
    }
    upsert(tx, again).await?;
    grow(tx, tenant).await
}

/// Publishes a tenant's catalogue.
pub async fn publish(tx: &Tx, tenant: &str) -> Result<()> {
    let change = Change::Catalogue(message(&**tx, tenant).await?);
    feed::publish(tx, vec![tenant_row(tenant, change)]).await.map(|_| ())
}

/// A tenant's catalogue as it is published: the features that vectors may hold.
pub async fn message(db: &impl ConnectionTrait, tenant: &str) -> Result<pb::Catalogue> {
    let rows = all(db, tenant).await?;
    let features = rows.iter().filter(|row| in_vectors(row.state)).map(definition).collect::<Result<_>>()?;
    Ok(pb::Catalogue { features })
}

/// A tenant's catalogue as vectors are computed by it. Error: internal, if a filter no longer parses.
pub async fn catalogue(db: &impl ConnectionTrait, tenant: &str, version: i64) -> Result<Catalogue> {
    let rows = all(db, tenant).await?;
    let entries = rows.iter().filter(|row| is_present(row)).map(entry).collect::<Result<_>>()?;
    Catalogue::of(version, entries).map_err(|fault| Error::Internal(format!("broken filter: {fault}")))
}

/// Whether a feature is not deleted.
pub fn is_present(row: &feature::Model) -> bool {
    row.state != column(FeatureState::Deleted)
}

/// All of a tenant's features by number, deleted ones among them.
async fn all(db: &impl ConnectionTrait, tenant: &str) -> Result<Vec<feature::Model>> {
    let rows = feature::Entity::find().filter(feature::Column::Tenant.eq(tenant));
    Ok(rows.order_by_asc(feature::Column::Number).all(db).await?)
}
