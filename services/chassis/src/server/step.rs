//! What a layer of the server is: it is given a request and the rest of the stack, and answers. It knows none of them.

use std::{
    convert::Infallible,
    future::Future,
    mem,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use tonic::body::Body;
use tower::Service;

use crate::error::Error;
use crate::policy::MethodPolicy;

pub(super) type Request = http::Request<Body>;
pub(super) type Response = http::Response<Body>;

/// The rest of the stack: called at most once.
pub(super) trait Next: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send {}
impl<S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send> Next for S {}

/// One layer.
pub(super) trait Step: Clone + Send + Sync + 'static {
    /// Answers the request, most often through `next`.
    fn answer(&self, request: Request, next: impl Next) -> impl Future<Output = Response> + Send;
}

/// Goes on to the rest of the stack.
pub(super) async fn go_on(mut next: impl Next, request: Request) -> Response {
    let Ok(response) = next.call(request).await;
    response
}

/// Answers with an error.
pub(super) fn refuse(error: Error) -> Response {
    tonic::Status::from(error).into_http()
}

/// The policy of the RPC that is called; put there by the outermost step that knows the path.
pub(super) fn policy(request: &Request) -> Option<&'static MethodPolicy> {
    request.extensions().get::<Called>().map(|called| called.0)
}

/// The policy of the RPC that is called, as an extension of the request.
#[derive(Clone, Copy)]
pub(super) struct Called(pub(super) &'static MethodPolicy);

/// A step as a tower layer.
#[derive(Clone)]
pub(super) struct Layer<A>(pub(super) A);

impl<A: Step, S> tower::Layer<S> for Layer<A> {
    type Service = Stepped<A, S>;

    fn layer(&self, inner: S) -> Stepped<A, S> {
        Stepped { step: self.0.clone(), inner }
    }
}

/// A step before the rest of the stack.
#[derive(Clone)]
pub(super) struct Stepped<A, S> {
    step: A,
    inner: S,
}

impl<A: Step, S: Next + Clone + 'static> Service<Request> for Stepped<A, S> {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let next = mem::replace(&mut self.inner, clone);
        let step = self.step.clone();
        Box::pin(async move { Ok(step.answer(request, next).await) })
    }
}
