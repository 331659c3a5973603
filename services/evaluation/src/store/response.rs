//! Responses: what became of picks, each kind once.

use huan_chassis::Result;

use super::{Tx, earliest, entity::response, first_stays, insert};

/// Adds responses; one that is there already stays as it is.
pub async fn insert_responses(tx: &Tx, rows: Vec<response::Model>) -> Result<()> {
    let key = |row: &response::Model| (row.tenant.clone(), row.decision_id.clone(), row.strategy_id.clone(), row.kind);
    let rows = earliest(rows, key, |_| 0);
    insert(tx, rows, first_stays::<response::Entity>()).await
}
