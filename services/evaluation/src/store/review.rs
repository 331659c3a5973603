//! Reviews: what was measured is kept as it was answered, for the same request must give the same answer.

use huan_chassis::{Error, Result, page::Page, store::is_unique_violation};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};

use super::{Store, entity::review};

/// Keeps a review, or answers with the one that its request made before.
pub async fn create_review(store: &Store, row: review::Model) -> Result<review::Model> {
    let tx = store.begin().await?;
    let inserted = review::Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await;
    match inserted {
        Ok(_) => tx.commit().await.map(|()| row),
        Err(error) if is_unique_violation(&error) => {
            drop(tx);
            let made = find_request(store, &row.tenant, &row.request_id).await?;
            made.ok_or(Error::AlreadyExists { what: "review", field: "review_id" })
        }
        Err(error) => Err(error.into()),
    }
}

/// Finds what a request made before.
pub async fn find_request(store: &Store, tenant: &str, request_id: &str) -> Result<Option<review::Model>> {
    Ok(of_tenant(tenant).filter(review::Column::RequestId.eq(request_id)).one(store.read()).await?)
}

/// Reads one review. Errors: NotFound.
pub async fn get_review(store: &Store, tenant: &str, review_id: &str) -> Result<review::Model> {
    let found = of_tenant(tenant).filter(review::Column::ReviewId.eq(review_id)).one(store.read()).await?;
    found.ok_or(Error::NotFound { what: "review", field: "review_id" })
}

/// Reads a page of reviews and one more, newest first. The keyset is (create_time, review_id). Errors:
/// InvalidPageToken.
pub async fn list_reviews(store: &Store, tenant: &str, page: &Page) -> Result<Vec<review::Model>> {
    use review::Column;
    let mut query = of_tenant(tenant);
    if let Some(after) = &page.after {
        let (time, id) = keyset(after).ok_or(Error::InvalidPageToken)?;
        let same_time = Condition::all().add(Column::CreateTime.eq(time)).add(Column::ReviewId.lt(id));
        query = query.filter(Condition::any().add(Column::CreateTime.lt(time)).add(same_time));
    }
    let newest = query.order_by_desc(Column::CreateTime).order_by_desc(Column::ReviewId);
    Ok(newest.limit(page.limit + 1).all(store.read()).await?)
}

fn keyset(after: &[String]) -> Option<(i64, &str)> {
    let [time, id] = after else { return None };
    Some((time.parse().ok()?, id))
}

fn of_tenant(tenant: &str) -> Select<review::Entity> {
    review::Entity::find().filter(review::Column::Tenant.eq(tenant))
}
