//! Logs and traces: setting them up, flushing them at the end, and trace context between processes. What is logged and
//! traced is for the callers; `telemetry::span` makes the spans of RPCs.

pub mod span;
pub mod tracers;

use std::{sync::mpsc, thread, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tokio::runtime::Runtime;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{self, LogFormat};
use crate::error::{Error, Result};
use tracers::{Service, Tracers};

const TRACEPARENT: &str = "traceparent";
const FLUSH: Duration = Duration::from_secs(5);

/// Keeps telemetry going; dropping it sends what is still to be sent, for at most five seconds.
pub struct Guard {
    export: Option<Export>,
}

struct Export {
    tracers: Tracers,
    // The exporter's connections live on a runtime of their own, so that they outlast the caller's and can be waited
    // for from anywhere.
    runtime: Runtime,
}

/// Sets up logs and, if there is somewhere to send them, traces for the whole process. `service` names spans that
/// belong to no RPC; those of an RPC carry its own service's name, also when several share the process. Errors:
/// Internal if telemetry is set up already, or the level or endpoint cannot be read.
pub fn init(config: &config::Telemetry, service: &str) -> Result<Guard> {
    let filter = EnvFilter::try_new(&config.level).map_err(|e| fault(format!("telemetry.level: {e}")))?;
    let log: Box<dyn Layer<Registry> + Send + Sync> = match config.log {
        LogFormat::Human => fmt::layer().with_writer(std::io::stderr).with_filter(filter).boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(filter).boxed()
        }
    };
    let export = match config.otlp_endpoint.as_str() {
        "" => None,
        endpoint => Some(Export::to(endpoint, service)?),
    };
    let traces = export.as_ref().map(|export| export.tracers.layer());
    let set_up = tracing_subscriber::registry().with(log).with(traces).try_init();
    set_up.map_err(|e| fault(e.to_string()))?;
    Ok(Guard { export })
}

impl Export {
    fn to(endpoint: &str, service: &str) -> Result<Export> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .map_err(|e| fault(e.to_string()))?;
        let (endpoint, handle) = (endpoint.to_owned(), runtime.handle().clone());
        let provider = move |resource: Resource| {
            let _entered = handle.enter();
            let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(&endpoint).build();
            let exporter = exporter.map_err(|e| fault(format!("telemetry.otlp_endpoint: {e}")))?;
            Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
        };
        Ok(Export { tracers: Tracers::new(service, provider)?, runtime })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(export) = self.export.take() else { return };
        let (done, flushed) = mpsc::channel();
        // Neither blocking on the exporter nor dropping a runtime may happen on a thread that runs async tasks.
        thread::spawn(move || {
            export.tracers.shutdown();
            export.runtime.shutdown_timeout(FLUSH);
            let _ = done.send(());
        });
        let _ = flushed.recv_timeout(FLUSH);
    }
}

/// The trace context of the current span in W3C form; empty if there is none.
pub fn traceparent() -> String {
    let mut headers = HeaderMap::new();
    inject(&Span::current(), &mut headers);
    let value = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Makes the span a child of the trace context that `traceparent` names; it stays a root if it names none. The span
/// must not have been entered yet.
pub fn parent(span: &Span, traceparent: &str) {
    let service = Span::current().context().get::<Service>().cloned();
    let context = extract(&one_header(traceparent));
    set(span, service.map_or(context.clone(), |service| context.with_value(service)));
}

/// Does as [`parent`], for a span that begins work of `service` outside of any RPC, such as reading a feed.
pub fn root(span: &Span, service: &'static str, traceparent: &str) {
    set(span, extract(&one_header(traceparent)).with_value(Service(service)));
}

/// Makes the span a child of the caller's, of whom the headers tell, and says whose span it is.
pub(crate) fn accept(span: &Span, service: &'static str, headers: &HeaderMap) {
    set(span, extract(headers).with_value(Service(service)));
}

/// Writes the span's trace context into headers; nothing if it has none.
pub(crate) fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    if context.span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&context, &mut Headers(headers));
    }
}

/// The span's trace id; `None` if it is not traced.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let found = context.span().span_context().clone();
    found.is_valid().then(|| found.trace_id().to_string())
}

fn set(span: &Span, context: Context) {
    // Fails only where nobody traces, or the span is disabled.
    let _ = span.set_parent(context);
}

fn extract(headers: &HeaderMap) -> Context {
    // From an empty context: what this thread happens to be doing is nobody's parent.
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Found(headers))
}

fn one_header(traceparent: &str) -> HeaderMap {
    let value = HeaderValue::from_str(traceparent).ok();
    value.map(|value| (HeaderName::from_static(TRACEPARENT), value)).into_iter().collect()
}

fn fault(text: String) -> Error {
    Error::Internal(text)
}

struct Found<'a>(&'a HeaderMap);

impl Extractor for Found<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            // The propagator writes an empty tracestate too, which would be a header for nothing.
            if !value.is_empty() {
                self.0.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced<T>(work: impl FnOnce() -> T) -> T {
        let provider = |resource| Ok(SdkTracerProvider::builder().with_resource(resource).build());
        let tracers = Tracers::new("test", provider).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(tracers.layer()), work)
    }

    #[test]
    fn a_trace_goes_on_below_its_parent() {
        traced(|| {
            let span = tracing::info_span!("work");
            parent(&span, PARENT);
            let ours = span.in_scope(traceparent);
            assert_eq!(ours[..36], PARENT[..36]);
            assert_ne!(ours, PARENT);
            assert_eq!(trace_id(&span).unwrap(), PARENT[3..35]);
        });
    }

    #[test]
    fn without_a_parent_a_trace_begins() {
        traced(|| {
            for none in ["", "nonsense"] {
                let span = tracing::info_span!("work");
                parent(&span, none);
                assert_eq!(span.in_scope(traceparent).len(), PARENT.len());
            }
        });
    }

    #[tokio::test]
    async fn traces_that_nobody_takes_hold_nobody_up() {
        let export = Export::to("http://127.0.0.1:1", "test").unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(export.tracers.layer()), || {
            tracing::info_span!("work").in_scope(|| {});
        });
        let started = std::time::Instant::now();
        drop(Guard { export: Some(export) });
        assert!(started.elapsed() < FLUSH + Duration::from_secs(1));
    }

    #[test]
    fn nothing_traced_names_no_parent() {
        assert_eq!(traceparent(), "");
        parent(&Span::none(), PARENT);
        assert_eq!(trace_id(&Span::none()), None);
    }
}
