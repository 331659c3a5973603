//! StrategyService.

use huan_chassis::{Identity, Result, page};
use huan_proto::strategy::v1::{self as pb, strategy_service_server::StrategyService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    convert::{self, strategy},
    store::strategy::Read,
};

#[tonic::async_trait]
impl StrategyService for Rpc {
    async fn get_strategy(
        &self,
        request: Request<pb::GetStrategyRequest>,
    ) -> Result<Response<pb::GetStrategyResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let id = convert::id("strategy_id", &request.get_ref().strategy_id)?;
        let strategy = strategy::message(self.store.get_strategy(tenant, &id).await?)?;
        Ok(Response::new(pb::GetStrategyResponse { strategy: Some(strategy) }))
    }

    async fn list_strategies(
        &self,
        request: Request<pb::ListStrategiesRequest>,
    ) -> Result<Response<pb::ListStrategiesResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let message = request.get_ref();
        let state = strategy::filter(message.state)?;
        let narrowed = message.state.to_string();
        let filter = [tenant, "strategy", &narrowed];
        let page = page::page(message.page_size, &message.page_token, &filter)?;
        let (rows, next_page_token) = self.store.list_strategies(tenant, state, page, &filter).await?;
        let strategies = rows.into_iter().map(strategy::message).collect::<Result<_>>()?;
        Ok(Response::new(pb::ListStrategiesResponse { strategies, next_page_token }))
    }

    async fn create_strategy(
        &self,
        request: Request<pb::CreateStrategyRequest>,
    ) -> Result<Response<pb::CreateStrategyResponse>, Status> {
        let caller = Identity::of(&request)?.clone();
        let message = request.into_inner();
        let id = convert::id("request_id", &message.request_id)?;
        let written = strategy::written(message.strategy)?;
        let row = self.store.create_strategy(caller.tenant()?, &caller.subject, &id, &written).await?;
        Ok(Response::new(pb::CreateStrategyResponse { strategy: Some(strategy::message(row)?) }))
    }

    async fn update_strategy(
        &self,
        request: Request<pb::UpdateStrategyRequest>,
    ) -> Result<Response<pb::UpdateStrategyResponse>, Status> {
        let caller = Identity::of(&request)?.clone();
        let message = request.into_inner().strategy;
        let revision = message.as_ref().map_or(0, |strategy| strategy.revision);
        let written = strategy::written(message)?;
        let read = read(&caller, &written.strategy_id, revision)?;
        let row = self.store.update_strategy(&read, &written, &caller).await?;
        Ok(Response::new(pb::UpdateStrategyResponse { strategy: Some(strategy::message(row)?) }))
    }

    async fn submit_strategy(
        &self,
        request: Request<pb::SubmitStrategyRequest>,
    ) -> Result<Response<pb::SubmitStrategyResponse>, Status> {
        let (caller, message) = (Identity::of(&request)?, request.get_ref());
        let read = read(caller, &message.strategy_id, message.revision)?;
        let row = self.store.submit_strategy(&read, caller).await?;
        Ok(Response::new(pb::SubmitStrategyResponse { strategy: Some(strategy::message(row)?) }))
    }

    async fn judge_strategy(
        &self,
        request: Request<pb::JudgeStrategyRequest>,
    ) -> Result<Response<pb::JudgeStrategyResponse>, Status> {
        let (caller, message) = (Identity::of(&request)?, request.get_ref());
        let read = read(caller, &message.strategy_id, message.revision)?;
        let comment = strategy::comment(&message.comment)?;
        let row = self.store.judge_strategy(&read, message.approve, comment, caller).await?;
        Ok(Response::new(pb::JudgeStrategyResponse { strategy: Some(strategy::message(row)?) }))
    }

    async fn move_strategy(
        &self,
        request: Request<pb::MoveStrategyRequest>,
    ) -> Result<Response<pb::MoveStrategyResponse>, Status> {
        let (caller, message) = (Identity::of(&request)?, request.get_ref());
        let read = read(caller, &message.strategy_id, message.revision)?;
        let step = strategy::step(message.state)?;
        let row = self.store.move_strategy(&read, step, caller).await?;
        Ok(Response::new(pb::MoveStrategyResponse { strategy: Some(strategy::message(row)?) }))
    }
}

fn read(caller: &Identity, strategy_id: &str, revision: i64) -> Result<Read> {
    let strategy_id = convert::id("strategy_id", strategy_id)?;
    Ok(Read { tenant: caller.tenant()?.to_owned(), strategy_id, revision })
}
