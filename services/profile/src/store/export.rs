//! Snapshots as Parquet files: asking for them, reading how far they are, stopping them. Writing them is `write`'s,
//! taking an erased customer out of them `forget`'s.

mod fill;
mod forget;
mod read;
mod write;

use huan_chassis::{Error, Result, clock, page::Page, store::Tx};
use huan_proto::profile::v1 as pb;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Store,
    entity::{snapshot, snapshot_part},
};
use crate::{bucket::Bucket, manifest};

impl Store {
    /// Asks for a snapshot, or answers with the one that this very request asked for.
    pub async fn start_snapshot(&self, row: snapshot::Model) -> Result<snapshot::Model> {
        let tx = self.db.begin().await?;
        let same = snapshot::Entity::find().filter(snapshot::Column::Tenant.eq(&row.tenant));
        if let Some(found) = same.filter(snapshot::Column::RequestId.eq(&row.request_id)).one(&*tx).await? {
            return Ok(found);
        }
        let now = clock::micros(clock::system_now());
        let row = snapshot::Model { snapshot_id: uuid::Uuid::now_v7().simple().to_string(), create_time: now, ..row };
        snapshot::Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        self.exports.notify_one();
        Ok(row)
    }

    /// Reads a snapshot's state. Errors: NotFound.
    pub async fn get_snapshot(&self, tenant: &str, snapshot_id: &str) -> Result<snapshot::Model> {
        by_id(tenant, snapshot_id).one(self.db.read()).await?.ok_or_else(missing)
    }

    /// Lists snapshots, newest first.
    pub async fn list_snapshots(&self, tenant: &str, page: &Page) -> Result<Vec<snapshot::Model>> {
        let mut query = snapshot::Entity::find().filter(snapshot::Column::Tenant.eq(tenant));
        if let Some(before) = page.after.as_ref().and_then(|key| key.first()) {
            query = query.filter(snapshot::Column::SnapshotId.lt(before));
        }
        let query = query.order_by_desc(snapshot::Column::SnapshotId).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }

    /// Stops a running snapshot and removes its parts; its writer removes what it was at. Errors: NotFound; WrongState.
    pub async fn cancel_snapshot(&self, bucket: &Bucket, tenant: &str, snapshot_id: &str) -> Result<snapshot::Model> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, tenant, snapshot_id).await?.ok_or_else(missing)?;
        match state(&row) {
            pb::SnapshotState::Cancelled => return Ok(row),
            pb::SnapshotState::Running => {}
            _ => return Err(Error::WrongState { what: "snapshot", state: "over already".to_owned() }),
        }
        let row = end(&tx, row, pb::SnapshotState::Cancelled, "").await?;
        tx.commit().await?;
        self.clear(bucket, &row).await?;
        Ok(row)
    }

    /// Removes the files of a snapshot that came to nothing, and the rows of its parts after them.
    async fn clear(&self, bucket: &Bucket, row: &snapshot::Model) -> Result<()> {
        // One more: its writer may have been about to finish it.
        for part in 0..=row.part_count {
            bucket.remove(&path(row, &manifest::part_file(part))).await?;
        }
        let delete = snapshot_part::Entity::delete_many().filter(snapshot_part::Column::Tenant.eq(&row.tenant));
        let delete = delete.filter(snapshot_part::Column::SnapshotId.eq(&row.snapshot_id));
        let tx = self.db.begin().await?;
        delete.exec(&*tx).await?;
        tx.commit().await
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<snapshot::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.snapshot_id.clone()])
}

fn by_id(tenant: &str, snapshot_id: &str) -> sea_orm::Select<snapshot::Entity> {
    let query = snapshot::Entity::find().filter(snapshot::Column::Tenant.eq(tenant));
    query.filter(snapshot::Column::SnapshotId.eq(snapshot_id))
}

fn missing() -> Error {
    Error::NotFound { what: "snapshot", field: "snapshot_id" }
}

async fn lock(tx: &Tx, tenant: &str, snapshot_id: &str) -> Result<Option<snapshot::Model>> {
    Ok(by_id(tenant, snapshot_id).lock_exclusive().one(&**tx).await?)
}

async fn save(tx: &Tx, row: &snapshot::Model) -> Result<()> {
    row.clone().into_active_model().reset_all().update(&**tx).await?;
    Ok(())
}

async fn end(tx: &Tx, row: snapshot::Model, state: pb::SnapshotState, fault: &str) -> Result<snapshot::Model> {
    let end_time = Some(clock::micros(clock::system_now()));
    let (state, holder, fault) = (state as i16, String::new(), fault.to_owned());
    let row = snapshot::Model { state, holder, fault, end_time, ..row };
    save(tx, &row).await?;
    Ok(row)
}

/// The finished parts of a snapshot, in their order.
async fn parts(tx: &Tx, row: &snapshot::Model) -> Result<Vec<snapshot_part::Model>> {
    let query = snapshot_part::Entity::find().filter(snapshot_part::Column::Tenant.eq(&row.tenant));
    let query = query.filter(snapshot_part::Column::SnapshotId.eq(&row.snapshot_id));
    Ok(query.order_by_asc(snapshot_part::Column::Part).all(&**tx).await?)
}

/// Where a file of a snapshot lies below the root.
fn path<'a>(row: &'a snapshot::Model, file: &'a str) -> [&'a str; 4] {
    [&row.tenant, &row.destination, &row.snapshot_id, file]
}

fn state(row: &snapshot::Model) -> pb::SnapshotState {
    pb::SnapshotState::try_from(i32::from(row.state)).unwrap_or_default()
}
