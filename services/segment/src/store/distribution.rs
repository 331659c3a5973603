//! How the values of features lay when builds were made: one small row a feature and build.

use std::collections::{BTreeMap, HashMap};

use huan_chassis::Result;
use huan_chassis::store::{
    Store, Tx,
    rows::{self, Conflict},
};
use prost::Message as _;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::entity::distribution::{ActiveModel, Column, Entity, Model};
use crate::distribution::Distribution;
use crate::memory::decode;

/// Builds whose bins later ones are counted in.
pub const COMPARED: i64 = 12;

/// Keeps the distributions of a build's features, by name.
pub async fn insert_distributions(
    tx: &Tx,
    of: &str,
    owner_id: &str,
    version: i64,
    found: &BTreeMap<String, Distribution>,
) -> Result<()> {
    let row = |(feature, distribution): (&String, &Distribution)| Model {
        tenant: of.to_owned(),
        owner_id: owner_id.to_owned(),
        version,
        feature: feature.clone(),
        payload: distribution.encode_to_vec(),
    };
    rows::write::<_, ActiveModel>(tx, found.iter().map(row).collect(), Conflict::Leave).await
}

/// Reads the distributions of a build's features, by name.
pub async fn distributions_of(
    store: &Store,
    of: &str,
    owner_id: &str,
    version: i64,
) -> Result<BTreeMap<String, Distribution>> {
    let mut last = last_distributions(store, of, owner_id, version, version + 1).await?;
    Ok(last.remove(&version).unwrap_or_default())
}

/// Reads the distributions of the builds from one on and before another, by build and feature.
pub async fn last_distributions(
    store: &Store,
    of: &str,
    owner_id: &str,
    from: i64,
    before: i64,
) -> Result<HashMap<i64, BTreeMap<String, Distribution>>> {
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::OwnerId.eq(owner_id));
    let found = found.filter(Column::Version.gte(from)).filter(Column::Version.lt(before));
    let mut by_version: HashMap<i64, BTreeMap<String, Distribution>> = HashMap::new();
    for row in found.order_by_asc(Column::Version).all(store.read()).await? {
        by_version.entry(row.version).or_default().insert(row.feature, decode(&row.payload)?);
    }
    Ok(by_version)
}
