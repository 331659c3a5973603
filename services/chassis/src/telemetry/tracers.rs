//! One tracer a service, also when several services share a process, so that `service.name` is right everywhere. The
//! service of a span travels in its OpenTelemetry context: from the span of an RPC down to all its children.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use opentelemetry::{
    Context,
    trace::{SpanBuilder, Tracer, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider, Span},
};
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::LevelFilter, registry::LookupSpan};

use crate::error::Result;

/// Whose span it is, as a value in its context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service(pub(crate) &'static str);

type MakeProvider = dyn Fn(Resource) -> Result<SdkTracerProvider> + Send + Sync;

/// A tracer that leaves each span to its own service's provider. Cheap to clone.
#[derive(Clone)]
pub struct Tracers {
    inner: Arc<Inner>,
}

struct Inner {
    make: Box<MakeProvider>,
    default: (SdkTracerProvider, SdkTracer),
    others: RwLock<HashMap<&'static str, (SdkTracerProvider, SdkTracer)>>,
    service: String,
}

impl Tracers {
    /// Begins with the provider of `service`, to which all spans go whose context names none; `make` makes the
    /// provider of a resource. Errors: what `make` says.
    pub fn new(
        service: &str,
        make: impl Fn(Resource) -> Result<SdkTracerProvider> + Send + Sync + 'static,
    ) -> Result<Tracers> {
        let default = tracer(make(resource(service))?);
        let inner = Inner { make: Box::new(make), default, others: RwLock::default(), service: service.to_owned() };
        Ok(Tracers { inner: Arc::new(inner) })
    }

    /// The layer that makes tracing's spans, from info up, OpenTelemetry's: to install for the process, or for one
    /// subscriber.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let layer = tracing_opentelemetry::layer().with_tracer(self.clone()).with_location(false).with_threads(false);
        layer.with_filter(LevelFilter::INFO)
    }

    /// Sends what is still to be sent and stops. Blocks: never on a thread that runs async tasks.
    pub fn shutdown(&self) {
        let others = self.inner.others.read().unwrap_or_else(PoisonError::into_inner);
        for (provider, _) in others.values().chain([&self.inner.default]) {
            if let Err(error) = provider.shutdown() {
                tracing::warn!(%error, "traces could not be sent");
            }
        }
    }

    fn of(&self, service: &'static str) -> SdkTracer {
        if service == self.inner.service {
            return self.inner.default.1.clone();
        }
        if let Some((_, tracer)) = self.inner.others.read().unwrap_or_else(PoisonError::into_inner).get(service) {
            return tracer.clone();
        }
        let mut others = self.inner.others.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tracer)) = others.get(service) {
            return tracer.clone();
        }
        // What could be made once can be made again; if it cannot, the spans go under the process's own name.
        let made = (self.inner.make)(resource(service)).map_or_else(|_| self.inner.default.clone(), tracer);
        others.insert(service, made.clone());
        made.1
    }
}

impl Tracer for Tracers {
    type Span = Span;

    fn build_with_context(&self, builder: SpanBuilder, parent_cx: &Context) -> Span {
        match parent_cx.get::<Service>() {
            Some(Service(service)) => self.of(service).build_with_context(builder, parent_cx),
            None => self.inner.default.1.build_with_context(builder, parent_cx),
        }
    }
}

impl fmt::Debug for Tracers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracers").field("service", &self.inner.service).finish_non_exhaustive()
    }
}

fn resource(service: &str) -> Resource {
    Resource::builder().with_service_name(service.to_owned()).build()
}

fn tracer(provider: SdkTracerProvider) -> (SdkTracerProvider, SdkTracer) {
    let tracer = provider.tracer("huan");
    (provider, tracer)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{SpanData, SpanExporter},
    };
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Debug)]
    struct Sink {
        service: String,
        spans: Arc<Mutex<Vec<(String, String)>>>,
    }

    impl SpanExporter for Sink {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let named = batch.into_iter().map(|span| (self.service.clone(), span.name.into_owned()));
            self.spans.lock().unwrap().extend(named);
            Ok(())
        }

        fn set_resource(&mut self, resource: &Resource) {
            let name = resource.get(&opentelemetry::Key::from_static_str("service.name"));
            self.service = name.map(|name| name.to_string()).unwrap_or_default();
        }
    }

    #[test]
    fn a_span_and_its_children_go_to_their_own_service() {
        let spans = Arc::default();
        let sink = Sink { service: String::new(), spans: Arc::clone(&spans) };
        let make = move |resource| {
            Ok(SdkTracerProvider::builder().with_resource(resource).with_simple_exporter(sink.clone()).build())
        };
        let tracers = Tracers::new("huan", make).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(tracers.layer()), || {
            let rpc = tracing::info_span!("rpc");
            crate::telemetry::accept(&rpc, "profile", &http::HeaderMap::new());
            rpc.in_scope(|| tracing::info_span!("commit").in_scope(|| {}));
            drop(rpc);
            tracing::info_span!("job").in_scope(|| {});
        });
        let expected = [("profile", "commit"), ("profile", "rpc"), ("huan", "job")];
        assert_eq!(*spans.lock().unwrap(), expected.map(|(service, span)| (service.to_owned(), span.to_owned())));
    }
}
