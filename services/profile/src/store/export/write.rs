//! Writing snapshots in the background, one at a time: vectors are read in the order of customers and leave as parts of
//! bounded size. A part counts once its row is committed; a restart goes on after the last one.

use std::time::Duration;

use huan_chassis::{Error, Result, clock, feed};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbBackend, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    super::Store,
    end,
    fill::{Filled, Written, fill_part},
    lock, parts, path,
    read::{self, Pages},
    save,
};
use crate::{
    bucket::Bucket,
    convert,
    manifest::{self, Manifest},
    part::Table,
    store::entity::{snapshot, snapshot_part, vector},
};

/// How long a writer that says nothing is believed to live, and how often it says something.
const LEASE: Duration = Duration::from_secs(60);
const RENEW: Duration = Duration::from_secs(10);
/// How often a snapshot is tried again before it is given up.
const ATTEMPTS: u32 = 10;

/// A snapshot that this process writes.
struct Job<'a> {
    store: &'a Store,
    bucket: &'a Bucket,
    table: Table,
    row: snapshot::Model,
}

/// A part that is being filled, with the customers who are left after it.
type Filling = JoinSet<Result<Option<(Filled, Pages)>>>;

impl Store {
    /// Writes what snapshots there are to write, until the store is closed.
    pub async fn export_for_ever(self, bucket: Bucket, every: Duration) {
        let holder = uuid::Uuid::new_v4().simple().to_string();
        let (closed, mut attempts) = (self.db.closed(), 0);
        tokio::pin!(closed);
        loop {
            tokio::select! {
                () = &mut closed => return,
                () = self.export_all(&bucket, &holder, &mut attempts) => {}
            }
            tokio::select! {
                () = &mut closed => return,
                () = self.exports.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// `attempts` counts how often the oldest was tried in vain.
    async fn export_all(&self, bucket: &Bucket, holder: &str, attempts: &mut u32) {
        loop {
            let claimed = match self.claim(holder).await {
                Ok(Some(row)) => row,
                Ok(None) => {
                    *attempts = 0;
                    return;
                }
                Err(error) => return tracing::warn!(%error, "cannot look for snapshots"),
            };
            *attempts += 1;
            let key = (claimed.tenant.clone(), claimed.snapshot_id.clone());
            let outcome = match Job::begin(self, bucket, claimed).await {
                Ok(job) => job.run().await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => *attempts = 0,
                Err(error) => {
                    tracing::warn!(%error, snapshot_id = key.1, "cannot write a snapshot");
                    let lost = matches!(error, Error::Dependency { .. });
                    if !lost && *attempts < ATTEMPTS {
                        return;
                    }
                    *attempts = 0;
                    let fault = if lost { "the destination cannot be written" } else { "internal" };
                    if let Err(error) = self.fail(bucket, &key, fault).await {
                        return tracing::warn!(%error, "cannot give a snapshot up");
                    }
                }
            }
        }
    }

    /// Takes the oldest snapshot that nobody writes. On SQLite there is one process: another holder has ended.
    async fn claim(&self, holder: &str) -> Result<Option<snapshot::Model>> {
        let running = pb::SnapshotState::Running as i16;
        let some = snapshot::Entity::find().filter(snapshot::Column::State.eq(running)).limit(1);
        if some.one(self.db.read()).await?.is_none() {
            return Ok(None);
        }
        let tx = self.db.begin().await?;
        let now = clock::micros(clock::system_now());
        let mut query = snapshot::Entity::find().filter(snapshot::Column::State.eq(running));
        if self.db.read().get_database_backend() == DbBackend::Postgres {
            let free = snapshot::Column::LeaseTime.lt(now).or(snapshot::Column::Holder.eq(holder));
            query = query.filter(free);
        }
        let query = query.order_by_asc(snapshot::Column::CreateTime).order_by_asc(snapshot::Column::SnapshotId);
        let Some(row) = query.limit(1).lock_exclusive().one(&*tx).await? else {
            return Ok(None);
        };
        let row = snapshot::Model { holder: holder.to_owned(), lease_time: lease(), ..row };
        save(&tx, &row).await?;
        tx.commit().await?;
        Ok(Some(row))
    }

    async fn fail(&self, bucket: &Bucket, key: &(String, String), fault: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let Some(row) = lock(&tx, &key.0, &key.1).await? else {
            return Ok(());
        };
        if super::state(&row) != pb::SnapshotState::Running {
            return Ok(());
        }
        let row = end(&tx, row, pb::SnapshotState::Failed, fault).await?;
        tx.commit().await?;
        // What cannot be written may not be removable either.
        if let Err(error) = self.clear(bucket, &row).await {
            tracing::warn!(%error, "parts of a failed snapshot are left");
        }
        Ok(())
    }
}

impl<'a> Job<'a> {
    /// Notes from where on changes follow, unless that is done, before the first row is read.
    async fn begin(store: &'a Store, bucket: &'a Bucket, row: snapshot::Model) -> Result<Self> {
        let table = Table::new(convert::snapshot::catalogue(&row)?, row.include_bank_numbers);
        let mut job = Self { store, bucket, table, row };
        if !job.row.position.is_empty() {
            return Ok(job);
        }
        let position = feed::settled(&store.db).await?.to_string();
        let now = store.fresh_view(&job.row.tenant).await?.time.now();
        let vectors = vector::Entity::find().filter(vector::Column::Tenant.eq(&job.row.tenant));
        let count = vectors.count(store.db.read()).await? as i64;
        job.change(|row| snapshot::Model { position, as_of_time: clock::micros(now), customer_count: count, ..row })
            .await?;
        Ok(job)
    }

    /// Writes part after part, then the manifest: a part is closed and kept while the next one is filled. Ends quietly if
    /// the snapshot was taken away.
    async fn run(mut self) -> Result<()> {
        let mut after = self.last().await?;
        let mut part = self.fill(self.read(&after));
        while let Some((filled, pages)) = self.wait(part).await? {
            let last = filled.last_customer_id.clone();
            let next = self.fill(pages);
            let written = spawn_blocking(|| filled.close()).await;
            match self.count(written.map_err(|error| Error::Internal(error.to_string()))??).await? {
                Counted::Yes => (part, after) = (next, last),
                Counted::Again => part = self.fill(self.read(&after)),
                Counted::Gone => return Ok(()),
            }
        }
        self.finish().await
    }

    /// The customers after one.
    fn read(&self, after: &str) -> Pages {
        read::ahead(self.store, &self.table, &self.row.tenant, after)
    }

    /// Begins to fill a part with the next customers. Dropped, it ends.
    fn fill(&self, pages: Pages) -> Filling {
        let mut part = JoinSet::new();
        part.spawn(fill_part(self.table.clone(), pages));
        part
    }

    /// Waits for a part and says meanwhile that this process lives.
    async fn wait(&self, mut part: Filling) -> Result<Option<(Filled, Pages)>> {
        loop {
            match timeout(RENEW, part.join_next()).await {
                Ok(Some(done)) => return done.map_err(|error| Error::Internal(error.to_string()))?,
                Ok(None) => return Err(Error::Internal("a part was not filled".to_owned())),
                Err(_) => self.renew().await?,
            }
        }
    }

    /// The last customer of the last part that counts.
    async fn last(&self) -> Result<String> {
        let query = snapshot_part::Entity::find().filter(snapshot_part::Column::Tenant.eq(&self.row.tenant));
        let query = query.filter(snapshot_part::Column::SnapshotId.eq(&self.row.snapshot_id));
        let last = query.order_by_desc(snapshot_part::Column::Part).one(self.store.db.read()).await?;
        Ok(last.map(|part| part.last_customer_id).unwrap_or_default())
    }

    /// Keeps a part's file and counts it, unless a customer was forgotten since: then it is written again.
    async fn count(&mut self, written: Written) -> Result<Counted> {
        let part = self.row.part_count;
        let Written { first_customer_id, last_customer_id, row_count, file, sha256 } = written;
        let byte_count = file.content_length() as i64;
        self.bucket.put(&path(&self.row, &manifest::part_file(part)), file).await?;
        let forgotten = self.row.forgotten;
        let tx = self.store.db.begin().await?;
        let Some(row) = lock(&tx, &self.row.tenant, &self.row.snapshot_id).await? else {
            return Ok(Counted::Gone);
        };
        if !self.is_held(&row) {
            drop(tx);
            return self.give_up(&row, part).await;
        }
        if row.forgotten != forgotten {
            self.row = row;
            return Ok(Counted::Again);
        }
        let (tenant, snapshot_id) = (row.tenant.clone(), row.snapshot_id.clone());
        let model = snapshot_part::Model {
            tenant,
            snapshot_id,
            part,
            first_customer_id,
            last_customer_id,
            row_count,
            byte_count,
            sha256,
        };
        model.into_active_model().insert(&*tx).await?;
        let written_count = row.written_count + row_count;
        self.row = snapshot::Model { part_count: part + 1, written_count, lease_time: lease(), ..row };
        save(&tx, &self.row).await?;
        tx.commit().await?;
        Ok(Counted::Yes)
    }

    /// Removes the part that nobody wants any more; another writer's would have the same content, and is left.
    async fn give_up(&self, row: &snapshot::Model, part: i32) -> Result<Counted> {
        if super::state(row) != pb::SnapshotState::Running {
            self.bucket.remove(&path(&self.row, &manifest::part_file(part))).await?;
        }
        Ok(Counted::Gone)
    }

    /// Writes the manifest under the row's lock, so that no part changes after it was read.
    async fn finish(self) -> Result<()> {
        let tx = self.store.db.begin().await?;
        match lock(&tx, &self.row.tenant, &self.row.snapshot_id).await? {
            Some(row) if self.is_held(&row) => {
                let parts = parts(&tx, &row).await?;
                let address = put_manifest(self.bucket, &self.table, &row, &parts).await?;
                let row = snapshot::Model { manifest: address, ..row };
                end(&tx, row, pb::SnapshotState::Done, "").await?;
                tx.commit().await
            }
            _ => Ok(()),
        }
    }

    fn is_held(&self, row: &snapshot::Model) -> bool {
        super::state(row) == pb::SnapshotState::Running && row.holder == self.row.holder
    }

    /// Says that this process lives.
    async fn renew(&self) -> Result<()> {
        let update = snapshot::Entity::update_many().filter(snapshot::Column::Tenant.eq(&self.row.tenant));
        let update = update.filter(snapshot::Column::SnapshotId.eq(&self.row.snapshot_id));
        let update = update.filter(snapshot::Column::Holder.eq(&self.row.holder));
        let tx = self.store.db.begin().await?;
        update.col_expr(snapshot::Column::LeaseTime, Expr::value(lease())).exec(&*tx).await?;
        tx.commit().await
    }

    async fn change(&mut self, change: impl FnOnce(snapshot::Model) -> snapshot::Model) -> Result<()> {
        let tx = self.store.db.begin().await?;
        if let Some(row) = lock(&tx, &self.row.tenant, &self.row.snapshot_id).await?
            && self.is_held(&row)
        {
            self.row = change(row);
            save(&tx, &self.row).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// What became of a part.
enum Counted {
    /// It counts.
    Yes,
    /// It holds someone who was forgotten meanwhile.
    Again,
    /// The snapshot was cancelled, or another process writes it.
    Gone,
}

/// Writes the manifest and answers with its address.
pub(super) async fn put_manifest(
    bucket: &Bucket,
    table: &Table,
    row: &snapshot::Model,
    parts: &[snapshot_part::Model],
) -> Result<String> {
    let part = |part: &snapshot_part::Model| manifest::Part {
        file: manifest::part_file(part.part),
        row_count: part.row_count,
        byte_count: part.byte_count,
        sha256: part.sha256.clone(),
    };
    let manifest = Manifest {
        format: 1,
        engine_version: env!("CARGO_PKG_VERSION"),
        tenant: &row.tenant,
        snapshot_id: &row.snapshot_id,
        as_of: manifest::time(clock::from_micros(row.as_of_time)),
        feed_position: &row.position,
        row_count: parts.iter().map(|part| part.row_count).sum(),
        features: manifest::features(table),
        parts: parts.iter().map(part).collect(),
    };
    let json = serde_json::to_vec_pretty(&manifest).map_err(|error| Error::Internal(error.to_string()))?;
    bucket.put(&path(row, manifest::FILE), json).await
}

fn lease() -> i64 {
    clock::micros(clock::system_now() + LEASE)
}
