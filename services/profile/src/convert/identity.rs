//! Identities between wire and disk.

use huan_chassis::{Result, check::Faults};
use huan_proto::profile::v1 as pb;

use super::envelope;
use crate::store::{entity::identity, tenant::View};

/// Reads an identity, and whose it is said to be; `customer_id` none = not asked.
pub fn row(customer_id: Option<&str>, identity: Option<pb::Identity>, view: &View) -> Result<identity::Model> {
    let mut faults = Faults::new();
    let customer_id = customer_id.map(|id| faults.id("customer_id", id)).unwrap_or_default();
    let given = faults.required("identity", identity).unwrap_or_default();
    let namespace = faults.name("identity.namespace", &given.namespace, 32);
    let value = faults.text("identity.value", &given.value, 128);
    faults.finish()?;
    Ok(identity::Model {
        tenant: view.tenant.clone(),
        value_hash: view.hash(&namespace, &value),
        namespace,
        customer_id,
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&given),
    })
}

/// The message of a row. Error: internal, if its envelope does not open.
pub fn message(row: &identity::Model) -> Result<pb::Identity> {
    envelope::open(row.format, &row.payload)
}
