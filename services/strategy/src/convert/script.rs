//! Scripts on the wire and in their table.

use huan_chassis::{Result, check::Faults};
use huan_proto::strategy::v1 as pb;

use crate::store::entity::script::Model;

/// Reads a script that `writer` wrote. Errors: Invalid.
pub fn row(tenant: &str, writer: &str, message: Option<pb::Script>) -> Result<Model> {
    let message = super::required("script", message)?;
    let mut faults = Faults::new();
    let row = Model {
        tenant: tenant.to_owned(),
        script_id: faults.name("script.script_id", &message.script_id, 64),
        channel_id: faults.name("script.channel_id", &message.channel_id, 64),
        text: faults.text("script.text", &message.text, 4000),
        writer: writer.to_owned(),
        signer: String::new(),
        revision: 1,
    };
    faults.finish()?;
    Ok(row)
}

/// Puts a script on the wire.
pub fn message(row: Model) -> pb::Script {
    pb::Script {
        script_id: row.script_id,
        channel_id: row.channel_id,
        text: row.text,
        signed: !row.signer.is_empty(),
        writer: row.writer,
        signer: row.signer,
        revision: row.revision,
    }
}
