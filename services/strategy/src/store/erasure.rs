//! Erasing a customer: what names the customer goes, and with the key all that decision records say. A record itself
//! stays under the random key, so that what is counted or chained over records still holds; it can no longer be read.

use huan_chassis::{Result, feed, store::Tx};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, sea_query::Expr};

use super::entity::{assignment, contact, customer, decision, response};

/// Erases the customer of a key; one that is not known any more has only its key destroyed.
pub async fn erase_customer(tx: &Tx, tenant: &str, customer_key: &str) -> Result<()> {
    let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let of_key = of_tenant.filter(customer::Column::CustomerKey.eq(customer_key));
    if let Some(row) = of_key.lock_exclusive().one(&**tx).await? {
        unname_decisions(tx, tenant, &row.customer_id, customer_key).await?;
        let id = row.customer_id.as_str();
        let contacts = contact::Entity::delete_many().filter(contact::Column::Tenant.eq(tenant));
        contacts.filter(contact::Column::CustomerId.eq(id)).exec(&**tx).await?;
        let responses = response::Entity::delete_many().filter(response::Column::Tenant.eq(tenant));
        responses.filter(response::Column::CustomerId.eq(id)).exec(&**tx).await?;
        let assignments = assignment::Entity::delete_many().filter(assignment::Column::Tenant.eq(tenant));
        assignments.filter(assignment::Column::CustomerId.eq(id)).exec(&**tx).await?;
        feed::unname(tx, tenant, id).await?;
        customer::Entity::delete_by_id((tenant.to_owned(), id.to_owned())).exec(&**tx).await?;
        tx.scrub([id]).await?;
    }
    // Before the commit: if that fails, all this is done again, and what is not yet deleted is unreadable meanwhile.
    tx.vault()?.destroy(tenant, customer_key).await
}

/// A request's id may hold the customer's number, so that it goes as well.
async fn unname_decisions(tx: &Tx, tenant: &str, customer_id: &str, customer_key: &str) -> Result<()> {
    let unname = decision::Entity::update_many()
        .col_expr(decision::Column::CustomerId, Expr::value(customer_key))
        .col_expr(decision::Column::RequestId, Expr::col(decision::Column::DecisionId))
        .filter(decision::Column::Tenant.eq(tenant));
    unname.filter(decision::Column::CustomerId.eq(customer_id)).exec(&**tx).await?;
    Ok(())
}
