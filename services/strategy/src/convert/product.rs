//! Products on the wire and in their table.

use huan_chassis::{Result, check::Faults};
use huan_proto::strategy::v1 as pb;

use crate::store::entity::product::Model;

/// Reads a product. Errors: Invalid.
pub fn row(tenant: &str, message: Option<pb::Product>) -> Result<Model> {
    let message = super::required("product", message)?;
    let mut faults = Faults::new();
    let row = Model {
        tenant: tenant.to_owned(),
        product_id: faults.name("product.product_id", &message.product_id, 64),
        display_name: faults.text("product.display_name", &message.display_name, 200),
        risk_level: super::between(&mut faults, "product.risk_level", message.risk_level, 1, 5),
        held_feature: super::optional_name(&mut faults, "product.held_feature", &message.held_feature),
        revision: 1,
    };
    faults.finish()?;
    Ok(row)
}

/// Puts a product on the wire.
pub fn message(row: Model) -> pb::Product {
    pb::Product {
        product_id: row.product_id,
        display_name: row.display_name,
        risk_level: row.risk_level,
        held_feature: row.held_feature,
        revision: row.revision,
    }
}
