//! AssignmentService.

use huan_chassis::Identity;
use huan_proto::strategy::v1::{self as pb, assignment_service_server::AssignmentService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    convert::{self, assignment},
    store::assignment::with_faults,
};

#[tonic::async_trait]
impl AssignmentService for Rpc {
    async fn create_experiment(
        &self,
        request: Request<pb::CreateExperimentRequest>,
    ) -> Result<Response<pb::CreateExperimentResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?.to_owned();
        let row = assignment::experiment(&tenant, request.into_inner())?;
        let row = self.store.create_experiment(row).await?;
        let experiment = assignment::experiment_message(&row)?;
        Ok(Response::new(pb::CreateExperimentResponse { experiment: Some(experiment) }))
    }

    async fn import_assignments(
        &self,
        request: Request<pb::ImportAssignmentsRequest>,
    ) -> Result<Response<pb::ImportAssignmentsResponse>, Status> {
        let (tenant, message) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let id = convert::id("experiment_id", &message.experiment_id)?;
        let experiment = assignment::experiment_message(&self.store.experiment(tenant, &id).await?)?;
        let (rows, faults) = assignment::assignments(tenant, &experiment, &message.assignments)?;
        let answer = self.store.import_assignments(tenant, &experiment, rows).await?;
        Ok(Response::new(with_faults(answer, faults)))
    }
}
