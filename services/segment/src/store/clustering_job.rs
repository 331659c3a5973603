//! Fits of clusterings: who waits, who runs where, and how each ended. A process that runs one says so every while; if
//! it falls silent, another takes the fit up from its beginning.

use std::collections::HashMap;

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use huan_proto::segment::v1::{Clustering, ClusteringState as State};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, UpdateMany,
};

use super::build::{self, Found};
use super::entity::clustering_job::{Column, Entity, Model};
use super::{clustering, tenant};

const OPEN: [i32; 2] = [State::Queued as i32, State::Running as i32];

/// Reads the newest fit of each of these clusterings, by clustering.
pub async fn newest_jobs(store: &Store, of: &str, clustering_ids: &[String]) -> Result<HashMap<String, Model>> {
    let jobs = find(of).filter(Column::ClusteringId.is_in(clustering_ids)).order_by_asc(Column::Version);
    let jobs = jobs.all(store.read()).await?;
    Ok(jobs.into_iter().map(|job| (job.clustering_id.clone(), job)).collect())
}

/// Reads a page of fits, of one state or of any, in the order of clustering_id and version, and one more if there is one.
pub async fn list_jobs(store: &Store, of: &str, state: Option<i32>, page: &Page) -> Result<Vec<Model>> {
    let mut jobs = find(of).order_by_asc(Column::ClusteringId).order_by_asc(Column::Version).limit(page.limit + 1);
    if let Some(state) = state {
        jobs = jobs.filter(Column::State.eq(state));
    }
    if let Some([clustering_id, version]) = page.after.as_deref() {
        let version: i64 = version.parse().map_err(|_| Error::InvalidPageToken)?;
        let later = Condition::all().add(Column::ClusteringId.eq(clustering_id)).add(Column::Version.gt(version));
        jobs = jobs.filter(Condition::any().add(Column::ClusteringId.gt(clustering_id)).add(later));
    }
    Ok(jobs.all(store.read()).await?)
}

/// Who asked for a fit, if there is such.
pub async fn maker_of(store: &Store, of: &str, clustering_id: &str, version: i64) -> Result<Option<String>> {
    let job = Entity::find_by_id((of.to_owned(), clustering_id.to_owned(), version));
    Ok(job.select_only().column(Column::Maker).into_tuple().one(store.read()).await?)
}

/// Enters a first fit, within a transaction that has touched the tenant.
pub async fn insert_job(tx: &Tx, job: Model) -> Result<()> {
    Entity::insert(job.into_active_model()).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Enters a later fit, or answers with the one that the same request made. `job`'s version does not matter. Errors:
/// WrongState while one waits or runs.
pub async fn create_job(store: &Store, job: Model) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &job.tenant).await?;
    if let Some(same) = find(&job.tenant).filter(Column::RequestId.eq(&job.request_id)).one(&*tx).await? {
        return Ok(same);
    }
    let last = newest(&tx, &job.tenant, &job.clustering_id).await?;
    if last.as_ref().is_some_and(|last| OPEN.contains(&last.state)) {
        return Err(Error::WrongState { what: "clustering", state: "being fitted already".into() });
    }
    let job = Model { version: last.map_or(1, |last| last.version + 1), ..job };
    insert_job(&tx, job.clone()).await?;
    tx.commit().await?;
    Ok(job)
}

/// Cancels the fit that waits or runs. Errors: WrongState if none does.
pub async fn cancel_job(store: &Store, of: &str, clustering_id: &str, now: i64) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, of).await?;
    let last = newest(&tx, of, clustering_id).await?.filter(|last| OPEN.contains(&last.state));
    let last = last.ok_or_else(|| Error::WrongState { what: "clustering", state: "not being fitted".into() })?;
    let cancelled = Model { state: State::Cancelled.into(), ended: now, ..last };
    end(&tx, &cancelled).await?;
    tx.commit().await?;
    Ok(cancelled)
}

/// Takes up the fit that has waited longest, or one whose process has said nothing since `silent_since`, or that this
/// process itself dropped: it works on one at a time, so whatever else is its own it let go. For this service's own work,
/// never for a caller.
pub async fn claim_job(store: &Store, process: &str, now: i64, silent_since: i64) -> Result<Option<Model>> {
    let waiting = Column::State.eq(i32::from(State::Queued));
    let left = Condition::any().add(Column::ClaimedBy.eq(process)).add(Column::Beat.lt(silent_since));
    let left = Condition::all().add(Column::State.eq(i32::from(State::Running))).add(left);
    let open = || Condition::any().add(waiting.clone()).add(left.clone());
    // Nothing is written where there is nothing to do.
    if Entity::find().filter(open()).one(store.read()).await?.is_none() {
        return Ok(None);
    }
    let tx = store.begin().await?;
    let next = Entity::find().filter(open()).order_by_asc(Column::Created).lock_exclusive().one(&*tx).await?;
    let Some(next) = next else { return Ok(None) };
    let claimed = Model { state: State::Running.into(), claimed_by: process.to_owned(), beat: now, ..next };
    let claim = only(&claimed)
        .col_expr(Column::State, Expr::value(claimed.state))
        .col_expr(Column::ClaimedBy, Expr::value(process))
        .col_expr(Column::Beat, Expr::value(now));
    claim.exec(&*tx).await?;
    tx.commit().await?;
    Ok(Some(claimed))
}

/// Says how far a running fit is. False if it is no longer this process's: cancelled, or taken up by another.
pub async fn beat_job(store: &Store, job: &Model, (phase, percent): (i32, i32), now: i64) -> Result<bool> {
    let tx = store.begin().await?;
    let beat = own(job)
        .col_expr(Column::Phase, Expr::value(phase))
        .col_expr(Column::Percent, Expr::value(percent))
        .col_expr(Column::Beat, Expr::value(now));
    let beaten = beat.exec(&*tx).await?.rows_affected == 1;
    tx.commit().await?;
    Ok(beaten)
}

/// Keeps what a fit found, with the next version of its memberships. False, and nothing kept, if the fit is no longer
/// this process's.
pub async fn finish_job(store: &Store, job: &Model, fitted: Clustering, found: Found, now: i64) -> Result<bool> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &job.tenant).await?;
    let done = Model { state: State::Ready.into(), percent: 100, phase: 0, ended: now, ..job.clone() };
    if !end_own(&tx, &done).await? {
        return Ok(false);
    }
    clustering::replace_clustering(&tx, &job.tenant, fitted).await?;
    build::insert_build(&tx, &job.tenant, &job.clustering_id, found).await?;
    tx.commit().await?;
    Ok(true)
}

/// Notes why a fit failed, if it is still this process's.
pub async fn fail_job(store: &Store, job: &Model, failure: String, now: i64) -> Result<()> {
    let tx = store.begin().await?;
    end_own(&tx, &Model { state: State::Failed.into(), failure, ended: now, ..job.clone() }).await?;
    tx.commit().await
}

async fn newest(tx: &Tx, of: &str, clustering_id: &str) -> Result<Option<Model>> {
    let jobs = find(of).filter(Column::ClusteringId.eq(clustering_id)).order_by_desc(Column::Version);
    Ok(jobs.one(&**tx).await?)
}

async fn end(tx: &Tx, job: &Model) -> Result<()> {
    ended(only(job), job).exec(&**tx).await?;
    Ok(())
}

async fn end_own(tx: &Tx, job: &Model) -> Result<bool> {
    Ok(ended(own(job), job).exec(&**tx).await?.rows_affected == 1)
}

fn ended(update: UpdateMany<Entity>, job: &Model) -> UpdateMany<Entity> {
    update
        .col_expr(Column::State, Expr::value(job.state))
        .col_expr(Column::Phase, Expr::value(job.phase))
        .col_expr(Column::Percent, Expr::value(job.percent))
        .col_expr(Column::Failure, Expr::value(&job.failure))
        .col_expr(Column::Ended, Expr::value(job.ended))
}

/// This fit, while the process that claimed it still has it.
fn own(job: &Model) -> UpdateMany<Entity> {
    only(job).filter(Column::State.eq(i32::from(State::Running))).filter(Column::ClaimedBy.eq(&job.claimed_by))
}

fn only(job: &Model) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Tenant.eq(&job.tenant))
        .filter(Column::ClusteringId.eq(&job.clustering_id))
        .filter(Column::Version.eq(job.version))
}

fn find(of: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(of))
}
