//! Holdings between wire and disk.

use huan_chassis::{Result, check::Faults};
use huan_proto::profile::v1 as pb;

use super::{day_text, envelope, keep, unique};
use crate::store::{entity::holding, tenant::View};

/// The rows of a batch, and the first fault of each one refused.
pub fn batch(holdings: Vec<pb::Holding>, view: &View) -> (Vec<(usize, holding::Model)>, Vec<pb::RowFault>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(holdings.len());
    for (index, holding) in holdings.into_iter().enumerate() {
        let mut faults = Faults::new();
        let row = row(&mut faults, &format!("holdings[{index}]"), holding, view);
        rows.extend(keep(index, faults, row, &mut refused).map(|row| (index, row)));
    }
    let field = |index| format!("holdings[{index}].holding_id");
    let rows = unique(rows, |row| row.holding_hash.clone(), field, &mut refused);
    (rows, refused)
}

/// The row that a holding asks for.
pub fn row(faults: &mut Faults, field: &str, holding: pb::Holding, view: &View) -> holding::Model {
    let at = |name: &str| format!("{field}.{name}");
    let holding_id = faults.id(&at("holding_id"), &holding.holding_id);
    let open_day = faults.day(&at("open_day"), &holding.open_day);
    let close_day = faults.optional_day(&at("close_day"), &holding.close_day);
    if close_day.is_some_and(|close_day| close_day < open_day) {
        faults.add(at("close_day"), "is before open_day");
    }
    holding::Model {
        tenant: view.tenant.clone(),
        holding_hash: view.hash("holding", &holding_id),
        customer_id: faults.id(&at("customer_id"), &holding.customer_id),
        kind: faults.name(&at("kind"), &holding.kind, 32),
        product_id: faults.optional_text(&at("product_id"), &holding.product_id, 64),
        open_day: open_day.0,
        close_day: close_day.map(|day| day.0),
        balance_minor: holding.balance_minor,
        status: faults.optional_text(&at("status"), &holding.status, 32),
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&pb::Holding { holding_id, ..Default::default() }),
    }
}

/// The message of a row. Error: internal, if its envelope does not open.
pub fn message(row: holding::Model) -> Result<pb::Holding> {
    let kept: pb::Holding = envelope::open(row.format, &row.payload)?;
    Ok(pb::Holding {
        holding_id: kept.holding_id,
        customer_id: row.customer_id,
        kind: row.kind,
        product_id: row.product_id,
        open_day: day_text(Some(row.open_day)),
        close_day: day_text(row.close_day),
        balance_minor: row.balance_minor,
        status: row.status,
    })
}
