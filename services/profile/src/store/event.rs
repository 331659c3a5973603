//! Events as they are listed; taking them in is `ingest`'s.

use huan_chassis::{Result, page::Page};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Store, before, customer, entity::event, one_of, token_number, token_text};

/// The order of lists, descending.
const ORDER: [event::Column; 3] = [event::Column::OccurTime, event::Column::Source, event::Column::SourceId];

impl Store {
    /// Lists the events of a customer's profile, of one type or of all (""), newest first. Errors: NotFound; InvalidPageToken.
    pub async fn list_events(
        &self,
        tenant: &str,
        customer_id: &str,
        event_type: &str,
        page: &Page,
    ) -> Result<Vec<event::Model>> {
        let ids = customer::members(self.db.read(), tenant, customer_id).await?;
        let mut query = event::Entity::find().filter(event::Column::Tenant.eq(tenant));
        query = query.filter(one_of(event::Column::CustomerId, &ids));
        if !event_type.is_empty() {
            query = query.filter(event::Column::EventType.eq(event_type));
        }
        if let Some(key) = &page.after {
            let (occur_time, source, source_id) = (token_number(key, 0)?, token_text(key, 1)?, token_text(key, 2)?);
            query = query.filter(before(ORDER, [occur_time.into(), source.into(), source_id.into()]));
        }
        let query = ORDER.into_iter().fold(query, QueryOrder::order_by_desc).limit(page.limit + 1);
        self.db.vault()?.unseal(query.all(self.db.read()).await?).await
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<event::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| {
        vec![row.occur_time.to_string(), row.source.clone(), row.source_id.clone()]
    })
}
