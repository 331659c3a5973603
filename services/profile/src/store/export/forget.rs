//! Taking an erased customer out of snapshots: the one part that may hold them is written again without them, and the
//! manifest after it.

use huan_chassis::{Error, Result, store::Tx};
use huan_proto::profile::v1 as pb;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::{super::Store, fill::sha256, lock, parts, path, save, state, write::put_manifest};
use crate::{
    bucket::Bucket,
    convert, manifest,
    part::{Table, without},
    store::entity::{customer, snapshot, snapshot_part},
};

impl Store {
    /// Takes a customer out of every snapshot of the tenant that is whole or being written. To be called once the
    /// customer's vector is gone from the store, and again if it failed: it is idempotent. Errors: Dependency.
    pub async fn forget_in_snapshots(
        &self,
        bucket: &Bucket,
        tenant: &str,
        customer_id: &str,
        customer_key: &str,
    ) -> Result<()> {
        let query = snapshot::Entity::find().filter(snapshot::Column::Tenant.eq(tenant));
        let ids = query.select_only().column(snapshot::Column::SnapshotId).into_tuple::<String>();
        for snapshot_id in ids.all(self.db.read()).await? {
            self.forget(bucket, tenant, &snapshot_id, customer_id, customer_key).await?;
        }
        Ok(())
    }

    /// The snapshot's row stays locked while its files change: nobody else changes them, and no manifest is written of
    /// files that are no more.
    async fn forget(
        &self,
        bucket: &Bucket,
        tenant: &str,
        snapshot_id: &str,
        customer_id: &str,
        customer_key: &str,
    ) -> Result<()> {
        let tx = self.db.begin().await?;
        let Some(row) = lock(&tx, tenant, snapshot_id).await? else {
            return Ok(());
        };
        let mut parts = parts(&tx, &row).await?;
        if !matches!(state(&row), pb::SnapshotState::Running | pb::SnapshotState::Done) {
            drop(tx);
            // Its files should be gone, and are if there are no parts.
            return if parts.is_empty() { Ok(()) } else { self.clear(bucket, &row).await };
        }
        let holds = |part: &&mut snapshot_part::Model| {
            (part.first_customer_id.as_str()..=part.last_customer_id.as_str()).contains(&customer_id)
        };
        let mut row = snapshot::Model { forgotten: row.forgotten + 1, ..row };
        if let Some(part) = parts.iter_mut().find(holds) {
            let rows = part.row_count;
            rewrite(bucket, &row, part, customer_key).await?;
            narrow(&tx, part, customer_id).await?;
            row.written_count += part.row_count - rows;
            part.clone().into_active_model().reset_all().update(&*tx).await?;
            if state(&row) == pb::SnapshotState::Done {
                let table = Table::new(convert::snapshot::catalogue(&row)?, row.include_bank_numbers);
                put_manifest(bucket, &table, &row, &parts).await?;
            }
        }
        save(&tx, &row).await?;
        tx.commit().await
    }
}

/// A part's ends are customers' numbers too: the nearest of those who are still there takes the place of this one.
async fn narrow(tx: &Tx, part: &mut snapshot_part::Model, customer_id: &str) -> Result<()> {
    let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(&part.tenant)).select_only();
    let ids = of_tenant.column(customer::Column::CustomerId).limit(1);
    if part.first_customer_id == customer_id {
        let next = ids.clone().filter(customer::Column::CustomerId.gt(customer_id));
        let next = next.order_by_asc(customer::Column::CustomerId).into_tuple().one(&**tx).await?;
        part.first_customer_id = next.unwrap_or_default();
    }
    if part.last_customer_id == customer_id {
        let before = ids.filter(customer::Column::CustomerId.lt(customer_id));
        let before = before.order_by_desc(customer::Column::CustomerId).into_tuple().one(&**tx).await?;
        part.last_customer_id = before.unwrap_or_default();
    }
    Ok(())
}

/// Writes a part's file without the customer and enters what it is now, even if an attempt before had taken them out.
async fn rewrite(
    bucket: &Bucket,
    row: &snapshot::Model,
    part: &mut snapshot_part::Model,
    customer_key: &str,
) -> Result<()> {
    let name = manifest::part_file(part.part);
    let (file, key) = (bucket.get(&path(row, &name)).await?, customer_key.to_owned());
    let rest =
        tokio::task::spawn_blocking(move || Ok::<_, parquet::errors::ParquetError>((without(&file, &key)?, file)));
    let rest = rest.await.map_err(|error| Error::Internal(error.to_string()))?;
    let (rest, file) = rest.map_err(|error| Error::Internal(error.to_string()))?;
    let (is_rewritten, file) = (rest.is_some(), rest.unwrap_or_else(|| file.into()));
    (part.byte_count, part.sha256) = (file.content_length() as i64, sha256(&file));
    if is_rewritten {
        part.row_count -= 1;
        bucket.put(&path(row, &name), file).await?;
    }
    Ok(())
}
