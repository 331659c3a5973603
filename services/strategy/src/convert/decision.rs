//! Decisions on the wire and in their table.

use huan_chassis::{Result, check::Faults, clock};
use huan_proto::strategy::v1::{self as pb, Stage};

use crate::{
    decide::CompiledMap,
    explain, record, script,
    store::{batch::Ask, entity::decision::Model},
};

/// Reads what is asked. Errors: Invalid.
pub fn ask(message: &pb::DecideRequest) -> Result<Ask> {
    let mut faults = Faults::new();
    if message.channel_ids.len() > 20 {
        faults.add("channel_ids", "has more than 20 entries");
    }
    for (index, channel_id) in message.channel_ids.iter().enumerate() {
        faults.name(&format!("channel_ids[{index}]"), channel_id, 64);
    }
    if let Some(trigger) = &message.trigger {
        faults.id("trigger.event_type", &trigger.event_type);
        faults.optional_text("trigger.position", &trigger.position, 64);
    }
    let max_picks = super::between(&mut faults, "max_picks", message.max_picks, 0, 10);
    let ask = Ask {
        request_id: faults.id("request_id", &message.request_id),
        customer_id: faults.id("customer_id", &message.customer_id),
        asked_id: String::new(),
        channel_ids: message.channel_ids.clone(),
        trigger: message.trigger.clone(),
        max_picks: max_picks.max(1) as u32,
    };
    faults.finish()?;
    Ok(ask)
}

/// Answers with what is to be said.
pub fn response(
    map: &CompiledMap,
    decision_id: String,
    input: &pb::DecisionInput,
    output: &pb::DecisionOutput,
) -> pb::DecideResponse {
    let picked = output.picks.iter().filter(|pick| pick.stage() == Stage::Picked);
    pb::DecideResponse {
        decision_id,
        status: record::status(output) as i32,
        picks: picked.filter_map(|picked| pick(map, input, picked)).collect(),
        map_version: hex::encode(&input.map_version),
    }
}

/// Puts a decision in short on the wire.
pub fn short(row: &Model, map: &CompiledMap, input: &pb::DecisionInput, output: &pb::DecisionOutput) -> pb::Decision {
    let picked = output.picks.iter().filter(|pick| pick.stage() == Stage::Picked);
    let strategy_id = |pick: &pb::OutputPick| map.plan_of(pick.candidate).map(|(named, _)| named.strategy_id.clone());
    pb::Decision {
        decision_id: row.decision_id.clone(),
        customer_id: row.customer_id.clone(),
        decide_time: Some(clock::timestamp(clock::from_micros(row.decide_time))),
        map_version: hex::encode(&input.map_version),
        status: row.status,
        strategy_ids: picked.filter_map(strategy_id).collect(),
    }
}

/// Puts an explanation on the wire. Errors: Internal.
pub fn explained(row: &Model, map: &CompiledMap) -> Result<pb::ExplainDecisionResponse> {
    let (_, input, output) = record::read(&row.payload)?;
    Ok(pb::ExplainDecisionResponse {
        decision: Some(short(row, map, &input, &output)),
        candidates: explain::candidates(map, &input),
        features: explain::features(map, &input),
        memberships: explain::memberships(map, &input),
    })
}

/// Reads what became of a pick. Errors: Invalid.
pub fn told(message: &pb::RecordResponseRequest) -> Result<pb::RecordResponseRequest> {
    let mut faults = Faults::new();
    let told = pb::RecordResponseRequest {
        request_id: faults.id("request_id", &message.request_id),
        decision_id: faults.id("decision_id", &message.decision_id),
        strategy_id: faults.name("strategy_id", &message.strategy_id, 64),
        kind: faults.enumeration::<pb::ResponseKind>("kind", message.kind) as i32,
    };
    faults.finish()?;
    Ok(told)
}

fn pick(map: &CompiledMap, input: &pb::DecisionInput, pick: &pb::OutputPick) -> Option<pb::Pick> {
    let (strategy, plan) = map.plan_of(pick.candidate)?;
    let content = map.content();
    let text = content.scripts.iter().find(|script| script.script_id == plan.script_id).map(|script| &script.text);
    Some(pb::Pick {
        strategy_id: strategy.strategy_id.clone(),
        product_id: strategy.product_id.clone(),
        channel_id: plan.channel_id.clone(),
        script_id: plan.script_id.clone(),
        text: script::fill(text.map_or("", String::as_str), &content.features, &input.values),
        value: pick.value,
    })
}
