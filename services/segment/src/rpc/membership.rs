//! MembershipService: what decisions are made of.

use std::time::Duration;

use huan_chassis::feed::Position;
use huan_chassis::{Error, FieldFault, Identity, Result as OurResult, clock, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::membership_service_server::MembershipService;
use roaring::RoaringBitmap;
use tonic::{Request, Response, Status};

use super::{Rpc, tenant};
use crate::catalogue::{Catalogue, Feature};
use crate::history::owner_of;
use crate::memory::{State, Tenant};
use crate::store::build::members_of;
use crate::{columns, convert};

const MAX_FEATURES: usize = 200;
const MAX_WAIT: i32 = 1000;

#[tonic::async_trait]
impl MembershipService for Rpc {
    async fn evaluate_customer(
        &self,
        request: Request<pb::EvaluateCustomerRequest>,
    ) -> Result<Response<pb::EvaluateCustomerResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        convert::id("customer_id", &asked.customer_id)?;
        self.wait(&asked).await?;
        let _span = tracing::info_span!("read_vector").entered();
        // Read before the vector, so that neither says more than the vector holds.
        let (position, fresh) = (self.status.cursor(), self.status.caught_up());
        let tenant = self.memory.tenant(&tenant);
        let mut response = tenant.read(|state| evaluate(&tenant, state, &asked))?;
        response.position = position.map(|position| position.to_string()).unwrap_or_default();
        response.fresh_time = fresh.map(clock::timestamp);
        Ok(Response::new(response))
    }

    async fn explain_membership(
        &self,
        request: Request<pb::ExplainMembershipRequest>,
    ) -> Result<Response<pb::ExplainMembershipResponse>, Status> {
        let tenant = tenant(&request)?;
        let (customer_id, membership) = convert::explain_membership(request.get_ref())?;
        Ok(Response::new(self.explain(&tenant, &customer_id, &membership).await?))
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let tenant = tenant(&request)?;
        let identity = Identity::of(&request)?.clone();
        let asked = request.into_inner();
        let membership = convert::membership(&asked.membership)?;
        let filter = [tenant.as_str(), "members", &membership, &asked.owner_path];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let after = after(&page)?;
        let (version, bitmap) = self.members(&tenant, &membership, after.map(|(version, _)| version)).await?;
        let (rows, _, _) = self.memory.tenant(&tenant).snapshot();
        let sees = |customer: &columns::Customer<'_>| {
            huan_chassis::identity::within(customer.owner_path, &asked.owner_path)
                && identity.check_owner("membership", customer.customer_id, customer.owner_path).is_ok()
        };
        let from = after.map_or(0, |(_, ordinal)| ordinal + 1);
        let (members, last) = members_page(&rows, &bitmap, from, page.limit as usize, sees);
        let token = |last: u32| page::next_token(&filter, &[&version.to_string(), &last.to_string()]);
        let next_page_token = last.map(token).unwrap_or_default();
        Ok(Response::new(pb::ListMembersResponse { members, next_page_token, version }))
    }

    async fn list_memberships(
        &self,
        request: Request<pb::ListMembershipsRequest>,
    ) -> Result<Response<pb::ListMembershipsResponse>, Status> {
        let tenant = tenant(&request)?;
        self.memory.refresh_changed(&self.store).await?;
        let response = self.memory.tenant(&tenant).read(|state| pb::ListMembershipsResponse {
            memberships: state.live.names(),
            features: state.catalogue.features().iter().map(|feature| feature.name.clone()).collect(),
        });
        Ok(Response::new(response))
    }
}

impl Rpc {
    /// Waits for the position that must have been seen. Errors: StaleData if it is not reached in time.
    async fn wait(&self, asked: &pb::EvaluateCustomerRequest) -> OurResult<()> {
        if !(0..=MAX_WAIT).contains(&asked.wait_millis) {
            return Err(Error::invalid("wait_millis", format!("must be 0 to {MAX_WAIT}")));
        }
        if asked.min_position.is_empty() {
            return Ok(());
        }
        let position: Position =
            asked.min_position.parse().map_err(|_| Error::invalid("min_position", "is not one of ours"))?;
        let patience = Duration::from_millis(u64::from(asked.wait_millis.unsigned_abs()));
        match self.status.wait_for(position, patience).await {
            true => Ok(()),
            false => Err(Error::StaleData { why: "min_position is not reached".into() }),
        }
    }

    /// The members of a membership. Errors: NotFound if there is no such, WrongState if it was never built.
    pub(super) async fn members(
        &self,
        tenant: &str,
        membership: &str,
        version: Option<i64>,
    ) -> OurResult<(i64, RoaringBitmap)> {
        self.memory.refresh_changed(&self.store).await?;
        let names = self.memory.tenant(tenant).read(|state| state.live.names());
        if names.binary_search_by(|name| name.as_str().cmp(membership)).is_err() {
            return Err(Error::NotFound { what: "membership", field: "membership" });
        }
        let built = members_of(&self.store, tenant, membership, version).await?;
        built.ok_or_else(|| Error::WrongState { what: "membership", state: "not yet built".into() })
    }
}

/// All from memory, under the tenant's lock.
fn evaluate(
    tenant: &Tenant,
    state: &State,
    asked: &pb::EvaluateCustomerRequest,
) -> OurResult<pb::EvaluateCustomerResponse> {
    let features = features(&state.catalogue, &asked.features)?;
    let row = state
        .columns
        .row(state.root(&asked.customer_id), state.time.today())
        .ok_or(Error::NotFound { what: "customer", field: "customer_id" })?;
    let (customer, memberships) = (row.customer(), tenant.memberships(state, &row));
    let revision = |membership: &String| state.live.revision_of(owner_of(membership));
    Ok(pb::EvaluateCustomerResponse {
        customer_key: customer.customer_key.to_owned(),
        features: features.iter().map(|feature| feature.name.clone()).collect(),
        values: features.iter().map(|feature| row.value(feature.column)).collect(),
        tags: row.tags(),
        scores: state.models.scores(&row),
        revisions: memberships.iter().map(revision).collect(),
        memberships,
        as_of_time: Some(clock::timestamp(clock::from_micros(customer.as_of))),
        ..Default::default()
    })
}

/// The features asked for; all if none is. Errors: Invalid for each that is unknown.
fn features<'a>(catalogue: &'a Catalogue, asked: &[String]) -> OurResult<Vec<&'a Feature>> {
    if asked.is_empty() {
        return Ok(catalogue.features().iter().collect());
    }
    if asked.len() > MAX_FEATURES {
        return Err(Error::invalid("features", format!("must be at most {MAX_FEATURES}")));
    }
    let fault = |(at, _): (usize, &String)| FieldFault {
        field: format!("features[{at}]"),
        description: "is no feature of the catalogue".into(),
    };
    let found: Vec<_> = asked.iter().filter_map(|name| catalogue.find(name)).collect();
    if found.len() == asked.len() {
        return Ok(found);
    }
    let unknown = asked.iter().enumerate().filter(|(_, name)| catalogue.find(name).is_none());
    Err(Error::Invalid(unknown.map(fault).collect()))
}

/// The version and the ordinal after which to go on.
fn after(page: &page::Page) -> OurResult<Option<(i64, u32)>> {
    let Some(key) = &page.after else { return Ok(None) };
    let read = |at: usize| key.get(at).ok_or(Error::InvalidPageToken);
    let version = read(0)?.parse().map_err(|_| Error::InvalidPageToken)?;
    Ok(Some((version, read(1)?.parse().map_err(|_| Error::InvalidPageToken)?)))
}

/// A page of the members that the caller sees, and the last ordinal on it if there are more.
fn members_page(
    rows: &columns::Snapshot,
    bitmap: &RoaringBitmap,
    from: u32,
    limit: usize,
    sees: impl Fn(&columns::Customer<'_>) -> bool,
) -> (Vec<pb::Member>, Option<u32>) {
    let seen = bitmap.range(from..).filter_map(|ordinal| {
        let customer = rows.customer(ordinal).filter(|customer| sees(customer))?;
        Some((ordinal, convert::member(&customer)))
    });
    let mut page: Vec<_> = seen.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().map(|(ordinal, _)| *ordinal).filter(|_| more);
    (page.into_iter().map(|(_, member)| member).collect(), last)
}
