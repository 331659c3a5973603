//! Decisions as they are kept.

use huan_chassis::{Error, Result, page::Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{Store, after, entity::decision, next_page};

impl Store {
    /// Finds a decision by its id. Errors: NotFound; Erased.
    pub async fn decision(&self, tenant: &str, decision_id: &str) -> Result<decision::Model> {
        let of_tenant = decision::Entity::find().filter(decision::Column::Tenant.eq(tenant));
        let found = of_tenant.filter(decision::Column::DecisionId.eq(decision_id)).one(self.db.read()).await?;
        let found = found.ok_or(Error::NotFound { what: "decision", field: "decision_id" })?;
        Ok(self.db.vault()?.unseal(vec![found]).await?.remove(0))
    }

    /// Lists the decisions about a customer's profile, newest first.
    pub async fn list_decisions(
        &self,
        tenant: &str,
        customer_id: &str,
        page: Page,
    ) -> Result<(Vec<decision::Model>, String)> {
        let of_tenant = decision::Entity::find().filter(decision::Column::Tenant.eq(tenant));
        let members = self.members(tenant, customer_id).await?;
        let mut found = match members.as_slice() {
            [only] => of_tenant.filter(decision::Column::CustomerId.eq(only)),
            members => of_tenant.filter(decision::Column::CustomerId.is_in(members)),
        };
        let after = after(&page)?;
        if !after.is_empty() {
            found = found.filter(decision::Column::DecisionId.lt(after));
        }
        let ordered = found.order_by_desc(decision::Column::DecisionId).limit(page.limit + 1);
        let mut rows = self.db.vault()?.unseal(ordered.all(self.db.read()).await?).await?;
        let filter = [tenant, "decision", customer_id];
        let token = next_page(&filter, &mut rows, page.limit, |row| &row.decision_id);
        Ok((rows, token))
    }
}
