//! DecisionService.

use futures::stream::BoxStream;
use huan_chassis::{Error, Identity, Result, feed, page, telemetry};
use huan_proto::strategy::v1::{self as pb, decision_service_server::DecisionService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    convert::{self, change, decision},
    record,
    store::{
        batch::{Ask, Decided, Evaluated, Job, Outcome},
        entity::decision::Model,
        published::Published,
    },
};

/// How often a decision is begun again because another map was published or the customer merged meanwhile.
const ATTEMPTS: usize = 5;

#[tonic::async_trait]
impl DecisionService for Rpc {
    async fn decide(&self, request: Request<pb::DecideRequest>) -> Result<Response<pb::DecideResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let ask = decision::ask(request.get_ref())?;
        let decided = self.decided(tenant, &ask, &request).await?;
        let map = self.store.map_version(tenant, &decided.input.map_version).await?;
        let Decided { decision_id, input, output } = decided;
        Ok(Response::new(decision::response(&map, decision_id, &input, &output)))
    }

    async fn list_decisions(
        &self,
        request: Request<pb::ListDecisionsRequest>,
    ) -> Result<Response<pb::ListDecisionsResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let message = request.get_ref();
        let id = convert::id("customer_id", &message.customer_id)?;
        let page = page::page(message.page_size, &message.page_token, &[tenant, "decision", &id])?;
        let (rows, next_page_token) = self.store.list_decisions(tenant, &id, page).await?;
        let decisions = self.short(rows).await?;
        Ok(Response::new(pb::ListDecisionsResponse { decisions, next_page_token }))
    }

    async fn explain_decision(
        &self,
        request: Request<pb::ExplainDecisionRequest>,
    ) -> Result<Response<pb::ExplainDecisionResponse>, Status> {
        let caller = Identity::of(&request)?;
        let row = self.found(caller, &request.get_ref().decision_id).await?;
        let (_, input, _) = record::read(&row.payload)?;
        let map = self.store.map_version(&row.tenant, &input.map_version).await?;
        Ok(Response::new(decision::explained(&row, &map)?))
    }

    async fn replay_decision(
        &self,
        request: Request<pb::ReplayDecisionRequest>,
    ) -> Result<Response<pb::ReplayDecisionResponse>, Status> {
        let caller = Identity::of(&request)?;
        let row = self.found(caller, &request.get_ref().decision_id).await?;
        let (_, input, _) = record::read(&row.payload)?;
        let map = self.store.map_version(&row.tenant, &input.map_version).await?;
        Ok(Response::new(record::replay(&row.payload, &map)?))
    }

    async fn record_response(
        &self,
        request: Request<pb::RecordResponseRequest>,
    ) -> Result<Response<pb::RecordResponseResponse>, Status> {
        let caller = Identity::of(&request)?;
        let told = decision::told(request.get_ref())?;
        self.store.record_response(caller.tenant()?, &told, caller).await?;
        Ok(Response::new(pb::RecordResponseResponse {}))
    }

    type WatchDecisionsStream = BoxStream<'static, Result<pb::WatchDecisionsResponse, Status>>;

    async fn watch_decisions(
        &self,
        request: Request<pb::WatchDecisionsRequest>,
    ) -> Result<Response<Self::WatchDecisionsStream>, Status> {
        let pb::WatchDecisionsRequest { cursor, kinds } = request.into_inner();
        let kinds = change::kinds(kinds)?;
        let snapshot = self.store.snapshot(&kinds);
        let (row, heartbeat) = (change::published, change::heartbeat);
        let watch = feed::Watch { cursor, kinds, filter: feed::Filter::default(), snapshot, row, heartbeat };
        Ok(Response::new(feed::watch(self.store.database(), &self.feed, watch)?))
    }
}

impl Rpc {
    // A map that is published meanwhile has other features: the customer is evaluated again. So is one who is merged
    // meanwhile; who was merged before is decided about as the one whose profile it is.
    async fn decided<T>(&self, tenant: &str, ask: &Ask, caller: &Request<T>) -> Result<Decided> {
        let asked = &ask.customer_id;
        for _ in 0..ATTEMPTS {
            let published = self.store.published(tenant).await?;
            let evaluated = self.evaluated(&published, ask, caller).await?;
            let traceparent = telemetry::traceparent();
            let root = self.store.profile(tenant, &ask.customer_id).await?.map(|profile| profile.root_id);
            let ask = match root.filter(|root| root != asked) {
                Some(root) => Ask { customer_id: root, asked_id: asked.clone(), ..ask.clone() },
                None => ask.clone(),
            };
            let job = Job { tenant: tenant.to_owned(), ask, evaluated, published, traceparent };
            match self.store.decide(job).await? {
                Outcome::Decided(decided) => return Ok(*decided),
                Outcome::MapMoved => self.store.forget_published(tenant),
                Outcome::Merged => self.store.forget_profile(tenant, asked),
            }
        }
        Err(Error::Overloaded)
    }

    // What segment knows, and how old what is known is: as old as the older of both projections.
    async fn evaluated<T>(&self, published: &Published, ask: &Ask, caller: &Request<T>) -> Result<Evaluated> {
        let segment = self.segment.evaluate_customer(caller, &published.map, ask);
        let (evaluated, ()) = futures::try_join!(segment, self.seen(ask))?;
        let fresh_time = evaluated.fresh_time.zip(self.profile.caught_up()).map(|(segment, own)| segment.min(own));
        Ok(Evaluated { fresh_time, ..evaluated })
    }

    // Waits until the position that the trigger names has been read here too. Errors: Invalid, StaleData.
    async fn seen(&self, ask: &Ask) -> Result<()> {
        let position = match &ask.trigger {
            Some(trigger) if !trigger.position.is_empty() => &trigger.position,
            _ => return Ok(()),
        };
        let position = position.parse().map_err(|_| Error::invalid("trigger.position", "is not one of ours"))?;
        match self.profile.wait_for(position, self.wait).await {
            true => Ok(()),
            false => Err(Error::StaleData { why: "the trigger's position has not been seen".into() }),
        }
    }

    // A decision by its id, if its customer is within the caller's scope. Errors: NotFound, OutOfScope.
    async fn found(&self, caller: &Identity, decision_id: &str) -> Result<Model> {
        let id = convert::id("decision_id", decision_id)?;
        let row = self.store.decision(caller.tenant()?, &id).await?;
        self.store.check_customer(caller, "decision_id", &row.tenant, &row.customer_id).await?;
        Ok(row)
    }

    async fn short(&self, rows: Vec<Model>) -> Result<Vec<pb::Decision>> {
        let mut decisions = Vec::with_capacity(rows.len());
        for row in rows {
            let (_, input, output) = record::read(&row.payload)?;
            let map = self.store.map_version(&row.tenant, &input.map_version).await?;
            decisions.push(decision::short(&row, &map, &input, &output));
        }
        Ok(decisions)
    }
}
