//! Datasets: made empty, filled page by page, sealed and never changed after that.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use huan_proto::segment::v1 as pb;
use prost::Message as _;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::entity::dataset::{Column, Entity, Model};
use super::entity::dataset_page as page;
use super::tenant;

/// The most rows of a dataset.
pub const MAX_ROWS: i64 = 1_000_000;

/// Pages read at once, each within a message's size.
const PAGES: u64 = 4;

/// Reads one dataset. Errors: NotFound.
pub async fn get_dataset(store: &Store, tenant: &str, dataset_id: &str) -> Result<Model> {
    find(tenant).filter(Column::DatasetId.eq(dataset_id)).one(store.read()).await?.ok_or(MISSING)
}

/// Reads a sealed dataset. Errors: NotFound, WrongState.
pub async fn get_sealed(store: &Store, tenant: &str, dataset_id: &str) -> Result<Model> {
    let found = get_dataset(store, tenant, dataset_id).await?;
    if found.sealed { Ok(found) } else { Err(Error::WrongState { what: "dataset", state: "not yet sealed".into() }) }
}

/// Reads a page of datasets in the order of dataset_id, and one more if there is one.
pub async fn list_datasets(store: &Store, tenant: &str, page: &Page) -> Result<Vec<Model>> {
    let mut rows = find(tenant).order_by_asc(Column::DatasetId).limit(page.limit + 1);
    if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
        rows = rows.filter(Column::DatasetId.gt(after));
    }
    Ok(rows.all(store.read()).await?)
}

/// Creates a dataset, or answers with the one that the same request made. Errors: AlreadyExists.
pub async fn create_dataset(store: &Store, dataset: Model) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &dataset.tenant).await?;
    if let Some(same) = find(&dataset.tenant).filter(Column::RequestId.eq(&dataset.request_id)).one(&*tx).await? {
        return Ok(same);
    }
    let taken = find(&dataset.tenant).filter(Column::DatasetId.eq(&dataset.dataset_id)).one(&*tx).await?;
    if taken.is_some() {
        return Err(Error::AlreadyExists { what: "dataset", field: "dataset.dataset_id" });
    }
    Entity::insert(dataset.clone().into_active_model()).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    Ok(dataset)
}

/// Adds a page of checked rows after `first_row` others, and answers how many there are now. The same page again changes
/// nothing. Errors: NotFound, WrongState, Invalid.
pub async fn add_rows(
    store: &Store,
    tenant: &str,
    dataset_id: &str,
    first_row: i64,
    rows: Vec<pb::LabelledRow>,
) -> Result<i64> {
    let tx = store.begin().await?;
    let found = lock(&tx, tenant, dataset_id).await?;
    if first_row < found.row_count {
        let key = (tenant.to_owned(), dataset_id.to_owned(), first_row);
        let same = page::Entity::find_by_id(key).one(&*tx).await?;
        let begins = same.ok_or_else(|| Error::invalid("first_row", "lies within a page that was added before"));
        return begins.map(|_| found.row_count);
    }
    if found.sealed || first_row > found.row_count {
        let state = if found.sealed { "sealed".into() } else { format!("only {} rows long", found.row_count) };
        return Err(Error::WrongState { what: "dataset", state });
    }
    if found.row_count + rows.len() as i64 > MAX_ROWS {
        return Err(Error::invalid("rows", format!("would make more than {MAX_ROWS} of the dataset")));
    }
    let count = |of: &dyn Fn(&pb::LabelledRow) -> bool| rows.iter().filter(|row| of(row)).count() as i64;
    let changed = Model {
        row_count: found.row_count + rows.len() as i64,
        positives: found.positives + count(&|row| row.label),
        treated: found.treated + count(&|row| row.arm() == pb::Arm::Treated),
        control: found.control + count(&|row| row.arm() == pb::Arm::Control),
        ..found
    };
    let payload = pb::AddRowsRequest { rows, ..Default::default() }.encode_to_vec();
    let (tenant, dataset_id) = (tenant.to_owned(), dataset_id.to_owned());
    let row = page::Model { tenant, dataset_id, first_row, payload };
    page::Entity::insert(row.into_active_model()).exec_without_returning(&*tx).await?;
    save(&tx, &changed).await?;
    tx.commit().await?;
    Ok(changed.row_count)
}

/// Seals a dataset. Errors: NotFound, WrongState if it is empty.
pub async fn seal_dataset(store: &Store, tenant: &str, dataset_id: &str) -> Result<Model> {
    let tx = store.begin().await?;
    let found = lock(&tx, tenant, dataset_id).await?;
    if found.row_count == 0 {
        return Err(Error::WrongState { what: "dataset", state: "empty".into() });
    }
    let sealed = Model { sealed: true, ..found };
    save(&tx, &sealed).await?;
    tx.commit().await?;
    Ok(sealed)
}

/// Reads all rows of a dataset in their order, a few pages at a time.
pub async fn each_row(store: &Store, dataset: &Model, mut take: impl FnMut(&pb::LabelledRow)) -> Result<()> {
    let mut after = -1;
    loop {
        let of = page::Entity::find().filter(page::Column::Tenant.eq(&dataset.tenant));
        let of = of.filter(page::Column::DatasetId.eq(&dataset.dataset_id)).filter(page::Column::FirstRow.gt(after));
        let pages = of.order_by_asc(page::Column::FirstRow).limit(PAGES).all(store.read()).await?;
        let Some(last) = pages.last() else { return Ok(()) };
        after = last.first_row;
        for page in &pages {
            let rows: pb::AddRowsRequest = crate::memory::decode(&page.payload)?;
            rows.rows.iter().for_each(&mut take);
        }
    }
}

const MISSING: Error = Error::NotFound { what: "dataset", field: "dataset_id" };

async fn lock(tx: &Tx, tenant: &str, dataset_id: &str) -> Result<Model> {
    find(tenant).filter(Column::DatasetId.eq(dataset_id)).lock_exclusive().one(&**tx).await?.ok_or(MISSING)
}

async fn save(tx: &Tx, row: &Model) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Sealed, Expr::value(row.sealed))
        .col_expr(Column::RowCount, Expr::value(row.row_count))
        .col_expr(Column::Positives, Expr::value(row.positives))
        .col_expr(Column::Treated, Expr::value(row.treated))
        .col_expr(Column::Control, Expr::value(row.control))
        .filter(Column::Tenant.eq(&row.tenant));
    update.filter(Column::DatasetId.eq(&row.dataset_id)).exec(&**tx).await?;
    Ok(())
}

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}
