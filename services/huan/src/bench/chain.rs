//! The bare chain: as many tonic hops as a call of ours has, with messages of the same shape and no work in them.

use std::net::{Ipv4Addr, SocketAddr};

use huan_proto::segment::v1::{
    self as pb,
    membership_service_client::MembershipServiceClient,
    membership_service_server::{MembershipService, MembershipServiceServer},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::Channel};

use crate::failure::{Failure, Result};

/// Starts a chain of so many hops and connects to its head. The last hop answers with `answer`.
pub async fn start(hops: usize, answer: pb::EvaluateCustomerResponse) -> Result<MembershipServiceClient<Channel>> {
    let mut next = None;
    for _ in 0..hops {
        let hop = Hop { next: next.take(), answer: answer.clone() };
        next = Some(connect(listen(hop).await?)?);
    }
    next.ok_or_else(|| Failure::new("a chain has at least one hop"))
}

#[derive(Clone)]
struct Hop {
    next: Option<MembershipServiceClient<Channel>>,
    answer: pb::EvaluateCustomerResponse,
}

#[tonic::async_trait]
impl MembershipService for Hop {
    async fn evaluate_customer(
        &self,
        request: Request<pb::EvaluateCustomerRequest>,
    ) -> Result<Response<pb::EvaluateCustomerResponse>, Status> {
        match self.next.clone() {
            Some(mut next) => next.evaluate_customer(request.into_inner()).await,
            None => Ok(Response::new(self.answer.clone())),
        }
    }

    async fn explain_membership(
        &self,
        _: Request<pb::ExplainMembershipRequest>,
    ) -> Result<Response<pb::ExplainMembershipResponse>, Status> {
        Err(Status::invalid_argument("the bare chain only evaluates"))
    }

    async fn list_members(
        &self,
        _: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        Err(Status::invalid_argument("the bare chain only evaluates"))
    }

    async fn list_memberships(
        &self,
        _: Request<pb::ListMembershipsRequest>,
    ) -> Result<Response<pb::ListMembershipsResponse>, Status> {
        Err(Status::invalid_argument("the bare chain only evaluates"))
    }
}

async fn listen(hop: Hop) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(async move {
        let server = tonic::transport::Server::builder().add_service(MembershipServiceServer::new(hop));
        server.serve_with_incoming(incoming).await
    });
    Ok(address)
}

fn connect(address: SocketAddr) -> Result<MembershipServiceClient<Channel>> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(MembershipServiceClient::new(endpoint.tcp_nodelay(true).connect_lazy()))
}
