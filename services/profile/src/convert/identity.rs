//! Identities between wire and disk.

use huan_chassis::{Error, Result, check::Faults};
use huan_proto::profile::v1 as pb;

use super::envelope;
use crate::{
    normal,
    store::{entity::identity, tenant::View},
};

/// The naming system of app devices, which may be used before anybody logs in.
pub const APP_DEVICE: &str = "app_device";

/// Reads an identity, and whose it is said to be; `customer_id` none = not asked.
pub fn row(customer_id: Option<&str>, identity: Option<pb::Identity>, view: &View) -> Result<identity::Model> {
    let mut faults = Faults::new();
    let customer_id = customer_id.map(|id| faults.id("customer_id", id)).unwrap_or_default();
    let given = faults.required("identity", identity).unwrap_or_default();
    let row = checked(&mut faults, "identity", &customer_id, given, view);
    faults.finish().map(|()| row)
}

/// The row of a customer's identity.
pub fn checked(
    faults: &mut Faults,
    field: &str,
    customer_id: &str,
    given: pb::Identity,
    view: &View,
) -> identity::Model {
    let namespace = faults.name(&format!("{field}.namespace"), &given.namespace, 32);
    let value = faults.text(&format!("{field}.value"), &given.value, 128);
    identity::Model {
        tenant: view.tenant.clone(),
        value_hash: hash(view, &pb::Identity { namespace: namespace.clone(), value, ..Default::default() }),
        namespace,
        customer_id: customer_id.to_owned(),
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&pb::Identity { origin: String::new(), ..given }),
    }
}

/// The keyed hash by which an identity is found.
pub fn hash(view: &View, identity: &pb::Identity) -> String {
    view.hash(&identity.namespace, &normal::identity(&identity.namespace, &identity.value))
}

/// Reads the device of a JoinDevice, and who logged in on it.
pub fn device(request: pb::JoinDeviceRequest, view: &View) -> Result<identity::Model> {
    let row = row(Some(&request.customer_id), request.identity, view)?;
    let is_device = row.namespace == APP_DEVICE;
    if is_device { Ok(row) } else { Err(Error::invalid("identity.namespace", format!("is not {APP_DEVICE}"))) }
}

/// The message of a row. Error: internal, if its envelope does not open.
pub fn message(row: &identity::Model) -> Result<pb::Identity> {
    let kept: pb::Identity = envelope::open(row.format, &row.payload)?;
    Ok(pb::Identity { origin: row.customer_id.clone(), ..kept })
}
