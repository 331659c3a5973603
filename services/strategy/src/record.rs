//! The record of a decision: its canonical bytes, its hash, its id and seed, and what it exposed. It decides nothing.

use chrono::{DateTime, Utc};
use huan_chassis::{Error, Result, clock};
use huan_proto::strategy::v1::{self as pb, Stage};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::decide::{self, CompiledMap, v1};

/// Makes the ids of decisions. They rise with system time, so that a customer's newest decision has the highest.
#[derive(Debug, Default)]
pub struct Ids(std::sync::Mutex<ContextV7>);

impl Ids {
    /// Makes the next id.
    pub fn next(&self, system_now: DateTime<Utc>) -> String {
        let context = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seconds = system_now.timestamp().max(0) as u64;
        let stamp = Timestamp::from_unix(&*context, seconds, system_now.timestamp_subsec_nanos());
        Uuid::new_v7(stamp).simple().to_string()
    }
}

/// The seed of a decision: the first eight bytes of SHA-256 over tenant, a zero byte and decision id.
pub fn seed(tenant: &str, decision_id: &str) -> u64 {
    let digest = Sha256::new().chain_update(tenant).chain_update([0]).chain_update(decision_id).finalize();
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Makes the record of a decision.
pub fn record(
    decision_id: String,
    input: pb::DecisionInput,
    output: pb::DecisionOutput,
    system_now: DateTime<Utc>,
) -> pb::DecisionRecord {
    pb::DecisionRecord {
        decision_id,
        output_hash: hash(&output),
        input: Some(input),
        output: Some(output),
        decide_time: Some(clock::timestamp(system_now)),
    }
}

/// SHA-256 of the canonical bytes of an output. Prost writes fields by number and lists in their order, and the
/// messages hold no maps: equal outputs have equal bytes.
pub fn hash(output: &pb::DecisionOutput) -> Vec<u8> {
    Sha256::digest(output.encode_to_vec()).to_vec()
}

/// Reads a record back.
pub fn read(payload: &[u8]) -> Result<(pb::DecisionRecord, pb::DecisionInput, pb::DecisionOutput)> {
    let broken = |_| Error::Internal("a decision record does not decode".into());
    let mut record = pb::DecisionRecord::decode(payload).map_err(broken)?;
    let (input, output) = (record.input.take().unwrap_or_default(), record.output.take().unwrap_or_default());
    Ok((record, input, output))
}

/// Replays a record. Errors: Internal if its engine is gone.
pub fn replay(payload: &[u8], map: &CompiledMap) -> Result<pb::ReplayDecisionResponse> {
    let (record, input, output) = read(payload)?;
    let replayed = decide::replay(&input, map)
        .ok_or_else(|| Error::Internal(format!("no engine of version {}", input.engine_version)))?;
    let replayed_hash = hash(&replayed);
    Ok(pb::ReplayDecisionResponse {
        identical: replayed.encode_to_vec() == output.encode_to_vec() && replayed_hash == record.output_hash,
        recorded_hash: hex::encode(&record.output_hash),
        replayed_hash: hex::encode(&replayed_hash),
        engine_version: input.engine_version,
    })
}

/// Tells whether there is something to say.
pub fn status(output: &pb::DecisionOutput) -> pb::DecisionStatus {
    match output.picks.iter().any(|pick| pick.stage() == Stage::Picked) {
        true => pb::DecisionStatus::Picked,
        false => pb::DecisionStatus::NoContact,
    }
}

/// Lists the would-be picks, withheld or not.
pub fn exposures(map: &CompiledMap, input: &pb::DecisionInput, output: &pb::DecisionOutput) -> Vec<pb::Exposure> {
    output.picks.iter().filter_map(|pick| exposure(map, input, pick)).collect()
}

fn exposure(map: &CompiledMap, input: &pb::DecisionInput, pick: &pb::OutputPick) -> Option<pb::Exposure> {
    let (named, plan) = map.plan_of(pick.candidate)?;
    let strategy = map.strategies.get(decide::strategy_and_plan(pick.candidate).0)?;
    Some(pb::Exposure {
        strategy_id: named.strategy_id.clone(),
        universal_held: v1::universal_held(map, strategy, input),
        universal_share: if strategy.is_marketing() { map.universal_share } else { 0.0 },
        strategy_held: v1::strategy_held(strategy, input),
        strategy_share: strategy.holdout_share,
        propensity: pick.propensity,
        channel_id: plan.channel_id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise() {
        let ids = Ids::default();
        let now = clock::system_now();
        let made: Vec<_> = (0..1000).map(|_| ids.next(now)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert_eq!(made[0].len(), 32);
    }

    #[test]
    fn the_seed_follows_tenant_and_decision() {
        assert_eq!(seed("a", "b"), seed("a", "b"));
        assert_ne!(seed("a", "bc"), seed("ab", "c"));
    }
}
