//! Taking an erased customer's number out of a feed: what its rows say under the random key stays for those who have not
//! read it yet.

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};

use super::entity;
use crate::{Result, store::Tx};

/// Takes a customer's number out of the rows of a feed. It reads the whole feed, which an erasure may.
pub async fn unname(tx: &Tx, tenant: &str, customer_id: &str) -> Result<()> {
    let unname = entity::Entity::update_many().col_expr(entity::Column::CustomerId, Expr::value(""));
    let of_tenant = unname.filter(entity::Column::Tenant.eq(tenant));
    of_tenant.filter(entity::Column::CustomerId.eq(customer_id)).exec(&**tx).await?;
    Ok(())
}
