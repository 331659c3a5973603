//! EventService.

use futures::{StreamExt as _, stream::BoxStream};
use huan_chassis::Identity;
use huan_proto::profile::v1::{self as pb, event_service_server::EventService};
use tonic::{Request, Response, Status, Streaming};

use super::{Rpc, stream};
use crate::{
    convert,
    store::{event, intake::WhenFull},
};

#[tonic::async_trait]
impl EventService for Rpc {
    type StreamEventsStream = BoxStream<'static, Result<pb::StreamEventsResponse, Status>>;

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
        let by = Identity::of(&request)?.clone();
        let events = request.into_inner().events;
        convert::batch("events", events.len())?;
        let taken = self.store.take_in(&by, events, WhenFull::Refuse).await?;
        Ok(Response::new(convert::event::taken(taken)))
    }

    async fn stream_events(
        &self,
        request: Request<Streaming<pb::StreamEventsRequest>>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let by = Identity::of(&request)?.clone();
        self.view(&request).await?;
        let store = self.store.clone();
        let take_in = move |events| {
            let (store, by) = (store.clone(), by.clone());
            async move { store.take_in(&by, events, WhenFull::Wait).await }
        };
        Ok(Response::new(stream::acknowledge(request.into_inner(), take_in).boxed()))
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
