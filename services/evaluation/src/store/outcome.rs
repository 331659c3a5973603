//! Outcomes: events that reviews measure, each once.

use huan_chassis::Result;

use super::{Tx, earliest, entity::outcome, first_stays, insert};

/// Adds events; one that is there already stays as it is.
pub async fn insert_outcomes(tx: &Tx, rows: Vec<outcome::Model>) -> Result<()> {
    let key = |row: &outcome::Model| (row.tenant.clone(), row.source.clone(), row.source_id.clone());
    let rows = earliest(rows, key, |_| 0);
    insert(tx, rows, first_stays::<outcome::Entity>()).await
}
