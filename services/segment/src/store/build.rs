//! Builds: versions of memberships, each a bitmap of ordinals with its figures.

use std::collections::HashMap;

use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use roaring::RoaringBitmap;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::entity::membership_version::{Column, Entity, Model};
use super::tenant;

/// Who belongs where, as found at one moment.
pub struct Found {
    /// How many customers were looked at.
    pub population: i64,
    /// Business time, in microseconds since the epoch.
    pub as_of: i64,
    /// Each membership's name and members.
    pub memberships: Vec<(String, RoaringBitmap)>,
}

/// A build without its bitmap.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Build {
    /// The membership.
    pub membership: String,
    /// The segment, the set or the clustering that it belongs to.
    pub owner_id: String,
    /// 1 and up.
    pub version: i64,
    /// How many customers were looked at.
    pub population: i64,
    /// How many belong.
    pub members: i64,
    /// How many joined since the version before.
    pub joined: i64,
    /// How many left since the version before.
    pub departed: i64,
    /// Business time, in microseconds since the epoch.
    pub as_of: i64,
}

/// Keeps what was found as the owner's next version.
pub async fn create_build(store: &Store, of: &str, owner_id: &str, found: Found) -> Result<Vec<Build>> {
    let tx = store.begin().await?;
    tenant::lock(&tx, of).await?;
    let builds = insert_build(&tx, of, owner_id, found).await?;
    tx.commit().await?;
    Ok(builds)
}

/// The same within a transaction that holds the tenant's lock.
pub async fn insert_build(tx: &Tx, of: &str, owner_id: &str, found: Found) -> Result<Vec<Build>> {
    let last = last_version(&**tx, of, owner_id).await?;
    let mut builds = Vec::with_capacity(found.memberships.len());
    for (membership, bitmap) in found.memberships {
        let before = read_bitmap(&**tx, of, &membership, last).await?.unwrap_or_default();
        let row = Model {
            tenant: of.to_owned(),
            membership,
            version: last + 1,
            owner_id: owner_id.to_owned(),
            population: found.population,
            members: bitmap.len() as i64,
            joined: bitmap.difference_len(&before) as i64,
            departed: before.difference_len(&bitmap) as i64,
            as_of: found.as_of,
            bitmap: bytes(&bitmap)?,
        };
        builds.push(Build::of(&row));
        Entity::insert(row.into_active_model()).exec_without_returning(&**tx).await?;
    }
    Ok(builds)
}

/// Reads the newest builds of these owners, by owner.
pub async fn newest_builds(store: &Store, of: &str, owners: &[String]) -> Result<HashMap<String, Vec<Build>>> {
    let newest = Query::select()
        .column(Column::OwnerId)
        .expr(Expr::col(Column::Version).max())
        .from(Entity)
        .and_where(Column::Tenant.eq(of))
        .and_where(Column::OwnerId.is_in(owners))
        .group_by_col(Column::OwnerId)
        .to_owned();
    let pair = Expr::tuple([Expr::col(Column::OwnerId), Expr::col(Column::Version)]);
    let rows = Entity::find().filter(Column::Tenant.eq(of)).filter(pair.in_subquery(newest));
    let rows = rows.select_only().columns(WITHOUT_BITMAP).into_model::<Build>().all(store.read()).await?;
    let mut by_owner: HashMap<String, Vec<Build>> = HashMap::new();
    rows.into_iter().for_each(|build| by_owner.entry(build.owner_id.clone()).or_default().push(build));
    Ok(by_owner)
}

/// Reads one version of an owner's memberships; empty if there is no such.
pub async fn builds_at(store: &Store, of: &str, owner_id: &str, version: i64) -> Result<Vec<Build>> {
    let rows = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::OwnerId.eq(owner_id));
    let rows = rows.filter(Column::Version.eq(version)).select_only().columns(WITHOUT_BITMAP);
    Ok(rows.into_model::<Build>().all(store.read()).await?)
}

/// Reads the newest versions of a membership, oldest first.
pub async fn last_builds(store: &Store, of: &str, membership: &str, limit: u64) -> Result<Vec<Build>> {
    let rows = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::Membership.eq(membership));
    let rows = rows.select_only().columns(WITHOUT_BITMAP).order_by_desc(Column::Version).limit(limit);
    let mut builds = rows.into_model::<Build>().all(store.read()).await?;
    builds.reverse();
    Ok(builds)
}

/// Reads the members of a membership's version; of its newest if none is named. `None` if there is none.
pub async fn members_of(
    store: &Store,
    of: &str,
    membership: &str,
    version: Option<i64>,
) -> Result<Option<(i64, RoaringBitmap)>> {
    let version = match version {
        Some(version) => version,
        None => last_version_of(store, of, membership).await?,
    };
    Ok(read_bitmap(store.read(), of, membership, version).await?.map(|bitmap| (version, bitmap)))
}

const WITHOUT_BITMAP: [Column; 8] = [
    Column::Membership,
    Column::OwnerId,
    Column::Version,
    Column::Population,
    Column::Members,
    Column::Joined,
    Column::Departed,
    Column::AsOf,
];

impl Build {
    fn of(row: &Model) -> Self {
        Self {
            membership: row.membership.clone(),
            owner_id: row.owner_id.clone(),
            version: row.version,
            population: row.population,
            members: row.members,
            joined: row.joined,
            departed: row.departed,
            as_of: row.as_of,
        }
    }
}

async fn last_version<C: ConnectionTrait>(db: &C, of: &str, owner_id: &str) -> Result<i64> {
    let of_owner = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::OwnerId.eq(owner_id));
    let last = of_owner.select_only().column_as(Column::Version.max(), "last");
    Ok(last.into_tuple::<Option<i64>>().one(db).await?.flatten().unwrap_or(0))
}

async fn last_version_of(store: &Store, of: &str, membership: &str) -> Result<i64> {
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::Membership.eq(membership));
    let last = found.select_only().column(Column::Version).order_by_desc(Column::Version).limit(1);
    Ok(last.into_tuple::<i64>().one(store.read()).await?.unwrap_or(0))
}

async fn read_bitmap<C: ConnectionTrait>(
    db: &C,
    of: &str,
    membership: &str,
    version: i64,
) -> Result<Option<RoaringBitmap>> {
    let found = Entity::find_by_id((of.to_owned(), membership.to_owned(), version));
    let found: Option<Vec<u8>> = found.select_only().column(Column::Bitmap).into_tuple().one(db).await?;
    found.map(|bytes| RoaringBitmap::deserialize_from(bytes.as_slice()).map_err(broken)).transpose()
}

/// A bitmap as tables keep it.
pub fn bytes(bitmap: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

fn broken(error: std::io::Error) -> Error {
    Error::Internal(format!("bitmap: {error}"))
}
