//! Maps on the wire and in their table.

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::strategy::v1 as pb;
use prost::Message as _;

use super::between;
use crate::store::entity::published_map::Model;

/// Reads a policy. Errors: Invalid.
pub fn policy(message: Option<pb::Policy>) -> Result<pb::Policy> {
    let message = super::required("policy", message)?;
    let mut faults = Faults::new();
    if message.record_features.len() > 100 {
        faults.add("policy.record_features", "has more than 100 entries");
    }
    for (index, name) in message.record_features.iter().enumerate() {
        faults.name(&format!("policy.record_features[{index}]"), name, 64);
    }
    let mut record_features = message.record_features;
    record_features.sort();
    record_features.dedup();
    let share = message.universal_holdout_share;
    let policy = pb::Policy {
        universal_holdout_share: super::strategy::share(&mut faults, "policy.universal_holdout_share", share),
        cap: between(&mut faults, "policy.cap", message.cap, 1, 1000),
        cap_window_days: between(&mut faults, "policy.cap_window_days", message.cap_window_days, 1, 365),
        record_features,
        max_staleness_millis: between(
            &mut faults,
            "policy.max_staleness_millis",
            message.max_staleness_millis,
            0,
            60_000,
        ),
    };
    faults.finish()?;
    Ok(policy)
}

/// Puts a map on the wire. Errors: Internal.
pub fn message(row: Model) -> Result<pb::Map> {
    Ok(pb::Map {
        version: row.version,
        number: row.number,
        content: Some(content(&row.content)?),
        publisher: row.publisher,
        publish_time: Some(clock::timestamp(clock::from_micros(row.publish_time))),
    })
}

/// Reads a stored content. Errors: Internal.
pub fn content(bytes: &[u8]) -> Result<pb::MapContent> {
    pb::MapContent::decode(bytes).map_err(|_| Error::Internal("a map does not decode".into()))
}
