//! Strategy: hands the plan in as a maker, has it signed and approved by a checker, and publishes the map.

use huan_proto::strategy::v1::{
    self as pb, channel_service_client::ChannelServiceClient, map_service_client::MapServiceClient,
    objective_service_client::ObjectiveServiceClient, product_service_client::ProductServiceClient,
    script_service_client::ScriptServiceClient, strategy_service_client::StrategyServiceClient,
};

use super::{desk::Desk, plan, report};
use crate::failure::{Failure, Result};

/// Puts the catalogue, the scripts and the strategies in, each strategy approved; not yet published.
pub async fn hand_in(desk: &Desk, habits: plan::Habits) -> Result<()> {
    put_catalogue(desk, habits).await?;
    let strategies = plan::strategies(habits);
    put_scripts(desk, plan::scripts(&strategies)).await?;
    let door = desk.door("strategist");
    let mut client = StrategyServiceClient::new(door.channel.clone());
    for strategy in strategies {
        let request = pb::CreateStrategyRequest {
            request_id: format!("demo-{}", strategy.strategy_id),
            strategy: Some(strategy),
        };
        let made = client.create_strategy(door.request(request)).await?.into_inner().strategy.unwrap_or_default();
        approve(desk, &made).await?;
    }
    Ok(())
}

/// Publishes all approved strategies as the tenant's map.
pub async fn publish(desk: &Desk) -> Result<pb::Map> {
    let door = desk.door("approver");
    let policy = pb::Policy {
        universal_holdout_share: plan::UNIVERSAL_HOLDOUT,
        cap: 2,
        cap_window_days: 30,
        record_features: ["balance_total", "txn_count_30d", "last_event_day"].map(str::to_owned).to_vec(),
        max_staleness_millis: 0,
    };
    let request = pb::PublishMapRequest { policy: Some(policy) };
    let answer = MapServiceClient::new(door.channel.clone()).publish_map(door.request(request)).await?;
    answer.into_inner().map.ok_or_else(|| Failure::new("the publish answered without a map"))
}

/// Gives a live strategy the propensity that was measured, and has the change approved.
pub async fn revise(desk: &Desk, strategy_id: &str, propensity: f64) -> Result<()> {
    let door = desk.door("strategist");
    let mut client = StrategyServiceClient::new(door.channel.clone());
    let request = pb::GetStrategyRequest { strategy_id: strategy_id.to_owned() };
    let mut strategy = client.get_strategy(door.request(request)).await?.into_inner().strategy.unwrap_or_default();
    strategy.value.get_or_insert_default().propensity = propensity;
    let request = pb::UpdateStrategyRequest { strategy: Some(strategy) };
    let changed = client.update_strategy(door.request(request)).await?.into_inner().strategy.unwrap_or_default();
    approve(desk, &changed).await
}

/// The strategies of a map in short.
pub fn in_short(map: &pb::Map) -> Vec<report::Strategy> {
    let strategies = map.content.iter().flat_map(|content| &content.strategies);
    strategies
        .map(|strategy| report::Strategy {
            strategy_id: strategy.strategy_id.clone(),
            scenario: plan::scenario_name(strategy),
            state: strategy.state().as_str_name().trim_start_matches("STRATEGY_STATE_").to_lowercase(),
            channels: strategy.channels.iter().map(|plan| plan.channel_id.clone()).collect(),
        })
        .collect()
}

async fn approve(desk: &Desk, made: &pb::Strategy) -> Result<()> {
    let (maker, checker) = (desk.door("strategist"), desk.door("approver"));
    let mut client = StrategyServiceClient::new(maker.channel.clone());
    let request = pb::SubmitStrategyRequest { strategy_id: made.strategy_id.clone(), revision: made.revision };
    let submitted = client.submit_strategy(maker.request(request)).await?.into_inner().strategy.unwrap_or_default();
    let request = pb::JudgeStrategyRequest {
        strategy_id: submitted.strategy_id,
        revision: submitted.revision,
        approve: true,
        comment: "checked against the plan".to_owned(),
    };
    client.judge_strategy(checker.request(request)).await?;
    Ok(())
}

async fn put_catalogue(desk: &Desk, habits: plan::Habits) -> Result<()> {
    let door = desk.door("strategist");
    for objective in plan::objectives() {
        let request = pb::PutObjectiveRequest { objective: Some(objective) };
        ObjectiveServiceClient::new(door.channel.clone()).put_objective(door.request(request)).await?;
    }
    for product in plan::products() {
        let request = pb::PutProductRequest { product: Some(product) };
        ProductServiceClient::new(door.channel.clone()).put_product(door.request(request)).await?;
    }
    for channel in plan::channels(habits.unit_minor) {
        let request = pb::PutChannelRequest { channel: Some(channel) };
        ChannelServiceClient::new(door.channel.clone()).put_channel(door.request(request)).await?;
    }
    Ok(())
}

async fn put_scripts(desk: &Desk, scripts: Vec<pb::Script>) -> Result<()> {
    let (writer, signer) = (desk.door("strategist"), desk.door("approver"));
    let mut client = ScriptServiceClient::new(writer.channel.clone());
    for script in scripts {
        let request = pb::PutScriptRequest { script: Some(script) };
        let kept = client.put_script(writer.request(request)).await?.into_inner().script.unwrap_or_default();
        let request = pb::SignScriptRequest { script_id: kept.script_id, revision: kept.revision };
        client.sign_script(signer.request(request)).await?;
    }
    Ok(())
}
