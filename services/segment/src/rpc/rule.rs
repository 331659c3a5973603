//! What CheckRule and ExplainMembership ask of memory: rules on trial, and reasons.

use huan_chassis::identity::within;
use huan_chassis::{Error, Identity, Result, clock};
use huan_proto::segment::v1 as pb;

use super::Rpc;
use crate::columns::Customer;
use crate::explain::explain;
use crate::memory::State;
use crate::reach::Audience;
use crate::trial::try_rule;

impl Rpc {
    /// Checks a rule and tries it on the customers that the caller sees, off the async threads.
    pub(super) async fn try_rule(
        &self,
        identity: Identity,
        tenant: &str,
        asked: pb::CheckRuleRequest,
    ) -> Result<pb::CheckRuleResponse> {
        let tenant = self.memory.tenant(tenant);
        let (rows, catalogue, time) =
            tenant.read(|state| (state.columns.snapshot(), state.catalogue.clone(), state.time.clone()));
        let work = move || {
            // Names that a rule under trial speaks of are not to be kept, so it is given a copy.
            let names = (*rows.names).clone();
            let shows = identity.may("membership.read");
            let sees = |customer: &Customer<'_>| {
                within(customer.owner_path, &asked.owner_path)
                    && identity.check_owner("owner_path", customer.customer_id, customer.owner_path).is_ok()
            };
            let audience = (!asked.check_only).then_some(Audience { rows, today: time.today(), sees, shows });
            try_rule(&asked.rule, &catalogue, names, audience)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))
    }

    /// Explains a membership from memory. Errors: NotFound.
    pub(super) async fn explain(
        &self,
        tenant: &str,
        customer_id: &str,
        membership: &str,
    ) -> Result<pb::ExplainMembershipResponse> {
        self.memory.refresh_changed(&self.store).await?;
        // Read before the vector, so that neither says more than the vector holds.
        let (position, fresh) = (self.status.cursor(), self.status.caught_up());
        let mut response = self.memory.tenant(tenant).read(|state| explain_in(state, customer_id, membership))?;
        response.position = position.map(|position| position.to_string()).unwrap_or_default();
        response.fresh_time = fresh.map(clock::timestamp);
        Ok(response)
    }
}

fn explain_in(state: &State, customer_id: &str, membership: &str) -> Result<pb::ExplainMembershipResponse> {
    let row = state.columns.row(state.root(customer_id), state.time.today());
    let row = row.ok_or(Error::NotFound { what: "customer", field: "customer_id" })?;
    let decided = state.live.decided(membership);
    let decided = decided.ok_or(Error::NotFound { what: "membership", field: "membership" })?;
    Ok(explain(membership, &decided, &row))
}
