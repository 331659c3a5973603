//! HistoryService.

use std::collections::HashMap;
use std::future::ready;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use huan_chassis::identity::Kind;
use huan_chassis::store::Store;
use huan_chassis::{Error, Identity, Result as OurResult, feed, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::history_service_server::HistoryService;
use tonic::{Request, Response, Status};

use super::{Rpc, cut, tenant};
use crate::convert;
use crate::store::entity::membership_state;
use crate::store::{history, vector};

/// Customers of the state that are read at once.
const PAGE: u64 = 500;

#[tonic::async_trait]
impl HistoryService for Rpc {
    type WatchMembershipsStream = BoxStream<'static, Result<pb::WatchMembershipsResponse, Status>>;

    async fn list_transitions(
        &self,
        request: Request<pb::ListTransitionsRequest>,
    ) -> Result<Response<pb::ListTransitionsResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.get_ref();
        let (customer_id, owner_id) = convert::history::list_transitions(asked)?;
        let filter = [tenant.as_str(), "transitions", &customer_id, &owner_id];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let ordinal = self.memory.tenant(&tenant).read(|state| state.columns.ordinal(state.root(&customer_id)));
        let ordinal = ordinal.ok_or(Error::NotFound { what: "customer", field: "customer_id" })?;
        let mut rows = history::moves_of(&self.store, &tenant, ordinal, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |row| row.number.to_string(), &filter);
        let steps = rows.iter().map(|row| convert::history::steps(row, &owner_id));
        let transitions = steps.collect::<OurResult<Vec<_>>>()?.concat();
        Ok(Response::new(pb::ListTransitionsResponse { transitions, next_page_token }))
    }

    async fn count_moves(
        &self,
        request: Request<pb::CountMovesRequest>,
    ) -> Result<Response<pb::CountMovesResponse>, Status> {
        let tenant = tenant(&request)?;
        let (owner_id, days) = convert::history::count_moves(request.get_ref())?;
        let rows = history::days_of(&self.store, &tenant, &owner_id, days).await?;
        let counts = rows.into_iter().map(convert::history::move_count).collect();
        Ok(Response::new(pb::CountMovesResponse { counts }))
    }

    async fn watch_memberships(
        &self,
        request: Request<pb::WatchMembershipsRequest>,
    ) -> Result<Response<Self::WatchMembershipsStream>, Status> {
        let tenant = tenant(&request)?;
        let identity = Identity::of(&request)?.clone();
        let asked = request.into_inner();
        let wanted = convert::history::watch_memberships(&asked)?;
        let narrow = asked.owner_path.is_empty() && identity.kind == Kind::User;
        let owner_path = if narrow { identity.org_path } else { asked.owner_path };
        let filter = feed::Filter { tenants: vec![tenant.clone()], owner_path };
        let snapshot = standing(self.store.clone(), tenant, filter.clone());
        let (row, heartbeat) = (convert::history::change, convert::history::heartbeat);
        let watch = feed::Watch { cursor: asked.cursor, kinds: vec![], filter, snapshot, row, heartbeat };
        let items = feed::watch(&self.store, &self.feed, watch)?;
        let items = items.try_filter_map(move |item| ready(Ok(convert::history::wanted(item, &wanted))));
        Ok(Response::new(items.boxed()))
    }
}

/// What every customer within a filter belongs to, page by page.
fn standing(
    store: Store,
    of: String,
    filter: feed::Filter,
) -> BoxStream<'static, OurResult<pb::WatchMembershipsResponse>> {
    feed::pages(-1, move |after| {
        let (store, of, filter) = (store.clone(), of.clone(), filter.clone());
        async move {
            let states = history::states_between(&store, &of, (after, i64::MAX), PAGE).await?;
            let codes = history::codes(store.read(), &of).await?;
            let names: HashMap<u32, &str> = codes.iter().map(|(name, code)| (*code, name.as_str())).collect();
            let ordinals: Vec<u32> = states.iter().filter_map(|state| u32::try_from(state.ordinal).ok()).collect();
            let customers = vector::vectors_at(&store, &of, &ordinals).await?;
            let mut customers: HashMap<i64, _> = customers.into_iter().map(|row| (row.ordinal, row)).collect();
            let item = |state: &membership_state::Model| {
                let customer = customers.remove(&state.ordinal)?;
                (!customer.is_erased()).then(|| convert::history::standing(customer, state, &names))
            };
            let next = (states.len() as u64 == PAGE).then(|| states.last().map(|state| state.ordinal)).flatten();
            let items: Vec<_> = states.iter().filter_map(item).filter(|item| is_within(item, &filter)).collect();
            Ok((items, next))
        }
    })
}

fn is_within(item: &pb::WatchMembershipsResponse, filter: &feed::Filter) -> bool {
    let Some(pb::watch_memberships_response::Item::Change(change)) = &item.item else { return true };
    change.header.as_ref().is_some_and(|header| filter.wants(header))
}
