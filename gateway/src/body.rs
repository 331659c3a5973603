//! What the gateway answers with: bytes of its own, a service's body as it comes, or the body of health and reflection.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tracing::Span;

use crate::trace;

/// A body.
#[derive(Debug)]
pub enum Body {
    /// Bytes of the gateway's own.
    Full(Option<Bytes>),
    /// A service's, and the span that ends with it.
    Passed(Incoming, Span),
    /// Health's or reflection's.
    Own(tonic::body::Body),
}

impl Body {
    /// Bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    /// A service's body, watched for the status in its trailers.
    pub fn passed(body: Incoming, span: &Span) -> Self {
        Self::Passed(body, span.clone())
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Full(None)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Body::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Passed(body, span) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if let Some(trailers) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.trailers_ref()) {
                    trace::record(span, trailers);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Body::Own(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Full(bytes) => bytes.is_none(),
            Body::Passed(body, _) => body.is_end_stream(),
            Body::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Body::Passed(body, _) => body.size_hint(),
            Body::Own(body) => body.size_hint(),
        }
    }
}
