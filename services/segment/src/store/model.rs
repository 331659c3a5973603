//! Versions of models: made by a training or an import, held by one process while they are trained, moved between stages.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use huan_proto::segment::v1 as pb;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::entity::model_body as body;
use super::entity::model_version::{Column, Entity, Model};
use super::tenant;

/// Reads one version. Errors: NotFound.
pub async fn get_version(store: &Store, tenant: &str, model_id: &str, version: i64) -> Result<Model> {
    let found = find(tenant).filter(Column::ModelId.eq(model_id)).filter(Column::Version.eq(version));
    found.one(store.read()).await?.ok_or(MISSING)
}

/// Reads what a version scores with. Errors: NotFound if it is not ready.
pub async fn get_body(store: &Store, tenant: &str, model_id: &str, version: i64) -> Result<body::Model> {
    let found = body::Entity::find_by_id((tenant.to_owned(), model_id.to_owned(), version));
    found.one(store.read()).await?.ok_or(MISSING)
}

/// Reads the version that a request made, if it did.
pub async fn find_by_request(store: &Store, tenant: &str, request_id: &str) -> Result<Option<Model>> {
    Ok(find(tenant).filter(Column::RequestId.eq(request_id)).one(store.read()).await?)
}

/// Reads a page of versions, of one model or of all, in the order of model_id and version, and one more if there is one.
pub async fn list_versions(store: &Store, tenant: &str, model_id: &str, page: &Page) -> Result<Vec<Model>> {
    let mut rows = find(tenant).order_by_asc(Column::ModelId).order_by_asc(Column::Version).limit(page.limit + 1);
    if !model_id.is_empty() {
        rows = rows.filter(Column::ModelId.eq(model_id));
    }
    if let Some([model, version]) = page.after.as_deref() {
        let version: i64 = version.parse().map_err(|_| Error::InvalidPageToken)?;
        let same = Cond::all().add(Column::ModelId.eq(model)).add(Column::Version.gt(version));
        rows = rows.filter(Cond::any().add(Column::ModelId.gt(model)).add(same));
    }
    Ok(rows.all(store.read()).await?)
}

/// Reads which versions of a tenant score, with their stages.
pub async fn live_versions(store: &Store, tenant: &str) -> Result<Vec<(String, i64, i32)>> {
    let stages = [pb::Stage::Shadow, pb::Stage::Challenger, pb::Stage::Champion].map(i32::from);
    let live = find(tenant).filter(Column::Stage.is_in(stages));
    let columns = live.select_only().columns([Column::ModelId, Column::Version, Column::Stage]);
    Ok(columns.into_tuple().all(store.read()).await?)
}

/// Creates the next version of a model, with its body if it has one already, or answers with the version that the same
/// request made. The number in `row` is set here.
pub async fn create_version(store: &Store, row: Model, body: Option<body::Model>) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &row.tenant).await?;
    if let Some(same) = find(&row.tenant).filter(Column::RequestId.eq(&row.request_id)).one(&*tx).await? {
        return Ok(same);
    }
    let last = find(&row.tenant).filter(Column::ModelId.eq(&row.model_id)).select_only();
    let last = last.column_as(Column::Version.max(), "last").into_tuple::<Option<i64>>().one(&*tx).await?;
    let row = Model { version: last.flatten().unwrap_or(0) + 1, ..row };
    Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await?;
    if let Some(body) = body {
        let body = body::Model { version: row.version, ..body };
        body::Entity::insert(body.into_active_model()).exec_without_returning(&*tx).await?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Stops a training. Errors: NotFound, WrongState if it is over.
pub async fn cancel_training(store: &Store, tenant: &str, model_id: &str, version: i64) -> Result<Model> {
    let tx = store.begin().await?;
    let found = lock(&tx, tenant, model_id, version).await?;
    if found.state != i32::from(pb::ModelState::Training) {
        return Err(Error::WrongState { what: "training", state: "over".into() });
    }
    let row = Model { state: pb::ModelState::Cancelled.into(), revision: found.revision + 1, ..found };
    save(&tx, &row).await?;
    tx.commit().await?;
    Ok(row)
}

/// What a checker asks for.
pub struct Promotion {
    /// The model.
    pub model_id: String,
    /// The version.
    pub version: i64,
    /// The stage that it is to have.
    pub stage: pb::Stage,
    /// The revision that was read.
    pub revision: i64,
}

/// Moves a version to another stage; the champion before becomes a challenger. `note` puts the checker's words into the
/// payload. Errors: NotFound, WrongState, StaleRevision, OwnWork.
pub async fn promote_model(
    store: &Store,
    tenant: &str,
    asked: &Promotion,
    checker: &str,
    note: impl FnOnce(&Model) -> Result<Vec<u8>>,
) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, tenant).await?;
    let found = lock(&tx, tenant, &asked.model_id, asked.version).await?;
    if found.state != i32::from(pb::ModelState::Ready) {
        return Err(Error::WrongState { what: "model version", state: "not ready".into() });
    }
    if found.revision != asked.revision {
        return Err(Error::StaleRevision { what: "model version" });
    }
    let is_up = matches!(asked.stage, pb::Stage::Challenger | pb::Stage::Champion);
    if is_up && found.maker == checker {
        return Err(Error::OwnWork { what: "model version", field: "version" });
    }
    if asked.stage == pb::Stage::Champion {
        let champion = Entity::update_many()
            .col_expr(Column::Stage, Expr::value(i32::from(pb::Stage::Challenger)))
            .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
            .filter(Column::Tenant.eq(tenant))
            .filter(Column::ModelId.eq(&asked.model_id))
            .filter(Column::Version.ne(asked.version));
        champion.filter(Column::Stage.eq(i32::from(pb::Stage::Champion))).exec(&*tx).await?;
    }
    let payload = note(&found)?;
    let revision = found.revision + 1;
    let row = Model { stage: asked.stage.into(), revision, checker: checker.to_owned(), payload, ..found };
    save(&tx, &row).await?;
    tx.commit().await?;
    Ok(row)
}

/// Takes a version of any tenant that waits for its training, or whose process went away: for this service's own work, never
/// for a caller.
pub async fn claim_training(store: &Store, holder: &str, now: i64, until: i64) -> Result<Option<Model>> {
    let waits = Cond::all().add(Column::State.eq(i32::from(pb::ModelState::Training))).add(Column::HeldUntil.lt(now));
    let Some(found) = Entity::find().filter(waits.clone()).one(store.read()).await? else { return Ok(None) };
    let tx = store.begin().await?;
    let claim = Entity::update_many()
        .col_expr(Column::Holder, Expr::value(holder))
        .col_expr(Column::HeldUntil, Expr::value(until))
        .filter(key(&found))
        .filter(waits);
    let claimed = claim.exec(&*tx).await?.rows_affected > 0;
    tx.commit().await?;
    Ok(claimed.then(|| Model { holder: holder.to_owned(), held_until: until, ..found }))
}

/// Says how far a training is and holds it for longer. `false`: it is to stop, since somebody cancelled it or another process
/// took it over.
pub async fn hold_training(store: &Store, row: &Model, progress: i32, until: i64) -> Result<bool> {
    let tx = store.begin().await?;
    let hold = Entity::update_many()
        .col_expr(Column::Progress, Expr::value(progress))
        .col_expr(Column::HeldUntil, Expr::value(until))
        .filter(key(row))
        .filter(Column::State.eq(i32::from(pb::ModelState::Training)));
    let held = hold.filter(Column::Holder.eq(&row.holder)).exec(&*tx).await?.rows_affected > 0;
    tx.commit().await?;
    Ok(held)
}

/// Ends a training: `row` with its new state, stage and payload, and what was learned. `false`: it is no longer this
/// process's to end.
pub async fn end_training(store: &Store, row: Model, learned: Option<body::Model>) -> Result<bool> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &row.tenant).await?;
    let found = lock(&tx, &row.tenant, &row.model_id, row.version).await?;
    if found.state != i32::from(pb::ModelState::Training) || found.holder != row.holder {
        return Ok(false);
    }
    save(&tx, &Model { revision: found.revision + 1, ..row }).await?;
    if let Some(learned) = learned {
        body::Entity::insert(learned.into_active_model()).exec_without_returning(&*tx).await?;
    }
    tx.commit().await?;
    Ok(true)
}

const MISSING: Error = Error::NotFound { what: "model version", field: "version" };

async fn lock(tx: &Tx, tenant: &str, model_id: &str, version: i64) -> Result<Model> {
    let found = find(tenant).filter(Column::ModelId.eq(model_id)).filter(Column::Version.eq(version));
    found.lock_exclusive().one(&**tx).await?.ok_or(MISSING)
}

async fn save(tx: &Tx, row: &Model) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(row.state))
        .col_expr(Column::Stage, Expr::value(row.stage))
        .col_expr(Column::Progress, Expr::value(row.progress))
        .col_expr(Column::Revision, Expr::value(row.revision))
        .col_expr(Column::Checker, Expr::value(&row.checker))
        .col_expr(Column::Payload, Expr::value(row.payload.clone()));
    update.filter(key(row)).exec(&**tx).await?;
    Ok(())
}

fn key(row: &Model) -> Cond {
    let of = Cond::all().add(Column::Tenant.eq(&row.tenant)).add(Column::ModelId.eq(&row.model_id));
    of.add(Column::Version.eq(row.version))
}

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}
