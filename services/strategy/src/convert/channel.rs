//! Channels on the wire and in their table.

use huan_chassis::{Result, check::Faults};
use huan_proto::strategy::v1 as pb;

use super::between;
use crate::store::entity::channel::Model;

/// Reads a channel. Errors: Invalid.
pub fn row(tenant: &str, message: Option<pb::Channel>) -> Result<Model> {
    let message = super::required("channel", message)?;
    let mut faults = Faults::new();
    let row = Model {
        tenant: tenant.to_owned(),
        channel_id: faults.name("channel.channel_id", &message.channel_id, 64),
        display_name: faults.text("channel.display_name", &message.display_name, 200),
        daily_capacity: between(&mut faults, "channel.daily_capacity", message.daily_capacity, 0, i64::MAX),
        open_minute: between(&mut faults, "channel.open_minute", message.open_minute, 0, 1439),
        close_minute: between(&mut faults, "channel.close_minute", message.close_minute, 0, 1440),
        cost_minor: between(&mut faults, "channel.cost_minor", message.cost_minor, 0, i64::MAX),
        priority: message.priority,
        revision: 1,
    };
    if row.close_minute != 0 && row.close_minute <= row.open_minute {
        faults.add("channel.close_minute", "does not come after open_minute");
    }
    faults.finish()?;
    Ok(row)
}

/// Puts a channel on the wire.
pub fn message(row: Model) -> pb::Channel {
    pb::Channel {
        channel_id: row.channel_id,
        display_name: row.display_name,
        daily_capacity: row.daily_capacity,
        open_minute: row.open_minute,
        close_minute: row.close_minute,
        cost_minor: row.cost_minor,
        priority: row.priority,
        revision: row.revision,
    }
}
