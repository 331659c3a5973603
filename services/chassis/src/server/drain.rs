//! Ends streams when the service goes: a feed would otherwise hold the drain to its bound. Their readers are told
//! UNAVAILABLE and come back with their cursors.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http_body::Frame;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};

use super::step::{Called, Next, Request, Response, Step, go_on, policy};

#[derive(Clone)]
pub(super) struct Drain {
    pub(super) going: CancellationToken,
}

impl Step for Drain {
    async fn answer(&self, mut request: Request, next: impl Next) -> Response {
        if let Some(found) = crate::policy::of(request.uri().path()) {
            request.extensions_mut().insert(Called(found));
        }
        let streams = policy(&request).is_some_and(|policy| policy.server_streaming);
        let response = go_on(next, request).await;
        if !streams {
            return response;
        }
        let going = self.going.clone().cancelled_owned().boxed();
        response.map(|inner| Body::new(Ending { inner, going, over: false }))
    }
}

struct Ending {
    inner: Body,
    going: BoxFuture<'static, ()>,
    over: bool,
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if let frame @ Poll::Ready(_) = Pin::new(&mut this.inner).poll_frame(cx) {
            return frame;
        }
        if this.going.poll_unpin(cx).is_pending() {
            return Poll::Pending;
        }
        this.over = true;
        let mut trailers = http::HeaderMap::new();
        // A status without details always fits into headers.
        let _ = Status::unavailable("the service is going; come again").add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }
}
