//! A collector of spans over OTLP/gRPC, made of the protocol's own service.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

/// A span as received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The service.
    pub service: String,
    /// The trace's id, hex.
    pub trace: String,
    /// The span's id, hex.
    pub id: String,
    /// The parent's id, hex.
    pub parent: String,
    /// The span's name.
    pub name: String,
    /// Everything in it, as text.
    text: String,
}

/// A collector that keeps what it receives.
#[derive(Clone)]
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let collector = Self { address: listener.local_addr().unwrap(), received: Arc::default() };
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
        collector
    }

    /// The spans of one trace.
    pub fn spans_of(&self, trace: &str) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|span| span.trace == trace).cloned().collect()
    }

    /// How many spans came in.
    pub fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// A span that has this text anywhere in it.
    pub fn find(&self, text: &str) -> Option<String> {
        self.received.lock().unwrap().iter().find(|span| span.text.contains(text)).map(|span| span.text.clone())
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attributes.iter().find(|attribute| attribute.key == "service.name");
            let service =
                service.and_then(|attribute| text(attribute.value.as_ref()?.value.as_ref()?)).unwrap_or_default();
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.received.lock().unwrap().extend(spans.map(|span| received(&service, span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn received(service: &str, span: Span) -> Received {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let own = span.attributes.iter().find(|attribute| attribute.key == "service.name");
    let own = own.and_then(|attribute| text(attribute.value.as_ref()?.value.as_ref()?));
    let whole = format!("{span:?}");
    Received {
        service: own.unwrap_or_else(|| service.to_owned()),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        text: whole,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
