//! Objectives on the wire and in their table.

use huan_chassis::{Result, check::Faults};
use huan_proto::strategy::v1 as pb;

use crate::store::entity::objective::Model;

/// Reads an objective. Errors: Invalid.
pub fn row(tenant: &str, message: Option<pb::Objective>) -> Result<Model> {
    let message = super::required("objective", message)?;
    let mut faults = Faults::new();
    let row = Model {
        tenant: tenant.to_owned(),
        objective_id: faults.name("objective.objective_id", &message.objective_id, 64),
        display_name: faults.text("objective.display_name", &message.display_name, 200),
        kind: faults.enumeration::<pb::ObjectiveKind>("objective.kind", message.kind) as i32,
        revision: 1,
    };
    faults.finish()?;
    Ok(row)
}

/// Puts an objective on the wire.
pub fn message(row: Model) -> pb::Objective {
    pb::Objective {
        objective_id: row.objective_id,
        display_name: row.display_name,
        kind: row.kind,
        revision: row.revision,
    }
}
