//! Who calls: the bearer token becomes the identity that all below reads. Health and reflection are open to all.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};

use super::step::{Next, Request, Response, Step, go_on, refuse};
use crate::clock;
use crate::error::{Error, Result};
use crate::identity::{Identity, Kind};
use crate::token::Keys;

/// The metadata in which a service names the tenant.
pub(crate) const TENANT: &str = "huan-tenant";

const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/"];

#[derive(Clone)]
pub(super) struct Authenticate {
    pub(super) keys: Arc<Keys>,
}

impl Step for Authenticate {
    async fn answer(&self, mut request: Request, next: impl Next) -> Response {
        if is_open(&request) {
            return go_on(next, request).await;
        }
        match identify(&self.keys, request.headers()) {
            Ok(identity) => request.extensions_mut().insert(identity),
            Err(error) => return refuse(error),
        };
        go_on(next, request).await
    }
}

/// True if anyone may call.
pub(super) fn is_open(request: &Request) -> bool {
    OPEN.iter().any(|service| request.uri().path().starts_with(service))
}

fn identify(keys: &Keys, headers: &HeaderMap) -> Result<Arc<Identity>> {
    let header = headers.get(AUTHORIZATION).ok_or(Error::Unauthenticated { why: "no token" })?;
    let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let token = token.ok_or(Error::Unauthenticated { why: "authorization is not a bearer token" })?;
    let identity = keys.verify_shared(token, clock::system_now())?;
    match headers.get(TENANT).and_then(|tenant| tenant.to_str().ok()) {
        // Only a service may name a tenant: a user's is in the token.
        Some(tenant) if identity.kind == Kind::Service && !tenant.is_empty() => {
            Ok(Arc::new(Identity { tenant: Some(tenant.to_owned()), ..(*identity).clone() }))
        }
        _ => Ok(identity),
    }
}
