//! EventService.

use huan_chassis::Identity;
use huan_proto::profile::v1::{self as pb, event_service_server::EventService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::event};

#[tonic::async_trait]
impl EventService for Rpc {
    async fn register_event_type(
        &self,
        request: Request<pb::RegisterEventTypeRequest>,
    ) -> Result<Response<pb::RegisterEventTypeResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?.to_owned();
        self.store.register_event_type(convert::event_type::row(request.into_inner(), &tenant)?).await?;
        Ok(Response::new(pb::RegisterEventTypeResponse {}))
    }

    async fn list_event_types(
        &self,
        request: Request<pb::ListEventTypesRequest>,
    ) -> Result<Response<pb::ListEventTypesResponse>, Status> {
        let rows = self.store.list_event_types(Identity::of(&request)?.tenant()?).await?;
        let event_types = rows.into_iter().map(convert::event_type::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ListEventTypesResponse { event_types }))
    }

    async fn ingest_events(
        &self,
        request: Request<pb::IngestEventsRequest>,
    ) -> Result<Response<pb::IngestEventsResponse>, Status> {
        let mut view = self.view(&request).await?;
        let events = request.into_inner().events;
        convert::batch("events", events.len())?;
        if !convert::event::types_are_known(&events, &view) {
            // Another replica may have registered them a moment ago.
            view = self.store.fresh_view(&view.tenant).await?;
        }
        let (rows, refused) = convert::event::batch(events, &view);
        let taken = self.store.ingest_events(view, rows).await?;
        Ok(Response::new(convert::event::taken(taken, &refused)))
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let (tenant, query) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let (page, filter) = (convert::event::list(tenant, query)?, convert::event::filter(tenant, query));
        let mut rows = self.store.list_events(tenant, &query.customer_id, &query.r#type, &page).await?;
        let next_page_token = event::next_page(&filter, &mut rows, page.limit);
        let events = rows.into_iter().map(convert::event::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ListEventsResponse { events, next_page_token }))
    }
}
