//! What the caller may do: the permission that the contract asks of the RPC. An RPC that is not in the contracts is
//! not served, whatever the routes say.

use std::sync::Arc;

use tonic::Status;

use super::authenticate::is_open;
use super::step::{Next, Request, Response, Step, go_on, policy, refuse};
use crate::error::Error;
use crate::identity::Identity;

#[derive(Clone)]
pub(super) struct Permit;

impl Step for Permit {
    async fn answer(&self, request: Request, next: impl Next) -> Response {
        if is_open(&request) {
            return go_on(next, request).await;
        }
        let Some(policy) = policy(&request) else {
            return Status::unimplemented("no such method").into_http();
        };
        let identity = request.extensions().get::<Arc<Identity>>();
        if identity.is_some_and(|identity| identity.may(&policy.permission)) {
            return go_on(next, request).await;
        }
        refuse(Error::NoPermission { permission: policy.permission.clone() })
    }
}
