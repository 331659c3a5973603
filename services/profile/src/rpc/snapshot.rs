//! SnapshotService.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, snapshot_service_server::SnapshotService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::export};

#[tonic::async_trait]
impl SnapshotService for Rpc {
    async fn start_snapshot(
        &self,
        request: Request<pb::StartSnapshotRequest>,
    ) -> Result<Response<pb::StartSnapshotResponse>, Status> {
        let view = self.view(&request).await?;
        Identity::of(&request)?.check_bank_wide("request_id")?;
        let features = &view.catalogue.features;
        let row = convert::snapshot::start(request.into_inner(), &view.tenant, features)?;
        let row = self.store.start_snapshot(row).await?;
        Ok(Response::new(pb::StartSnapshotResponse { snapshot: Some(convert::snapshot::message(&row)?) }))
    }

    async fn get_snapshot(
        &self,
        request: Request<pb::GetSnapshotRequest>,
    ) -> Result<Response<pb::GetSnapshotResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let snapshot_id = convert::snapshot::snapshot_id(&request.get_ref().snapshot_id)?;
        let row = self.store.get_snapshot(tenant, &snapshot_id).await?;
        Ok(Response::new(pb::GetSnapshotResponse { snapshot: Some(convert::snapshot::message(&row)?) }))
    }

    async fn list_snapshots(
        &self,
        request: Request<pb::ListSnapshotsRequest>,
    ) -> Result<Response<pb::ListSnapshotsResponse>, Status> {
        let (tenant, query) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let filter = [tenant, "snapshots"];
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut rows = self.store.list_snapshots(tenant, &page).await?;
        let next_page_token = export::next_page(&filter, &mut rows, page.limit);
        let snapshots = rows.iter().map(convert::snapshot::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ListSnapshotsResponse { snapshots, next_page_token }))
    }

    async fn cancel_snapshot(
        &self,
        request: Request<pb::CancelSnapshotRequest>,
    ) -> Result<Response<pb::CancelSnapshotResponse>, Status> {
        let by = Identity::of(&request)?;
        by.check_bank_wide("snapshot_id")?;
        let snapshot_id = convert::snapshot::snapshot_id(&request.get_ref().snapshot_id)?;
        let row = self.store.cancel_snapshot(&self.bucket, by.tenant()?, &snapshot_id).await?;
        Ok(Response::new(pb::CancelSnapshotResponse { snapshot: Some(convert::snapshot::message(&row)?) }))
    }
}
