//! A collector of traces.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use tidegate_tests::pki::Issued;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    transport::{Identity, Server, ServerTlsConfig},
};

use crate::program::eventually;

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

pub struct Collector {
    pub address: SocketAddr,
    received: Received,
    serving: JoinHandle<()>,
}

/// What it has received.
pub struct Collected {
    pub spans: Vec<Span>,
    /// Of every message, in order and without repetition.
    pub resources: Vec<Vec<String>>,
    messages: Vec<ExportTraceServiceRequest>,
}

#[derive(Clone)]
struct Receiving(Received);

#[tonic::async_trait]
impl TraceService for Receiving {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().await.push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> Self {
        Self::serve(Server::builder()).await
    }

    pub async fn start_tls(Issued { certificate, key }: &Issued) -> Self {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        Self::serve(Server::builder().tls_config(tls).unwrap()).await
    }

    async fn serve(mut server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, received) = (listener.local_addr().unwrap(), Received::default());
        let service = TraceServiceServer::new(Receiving(received.clone()));
        let serving = server.add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        let serving = tokio::spawn(async { serving.await.unwrap() });
        Self { address, received, serving }
    }

    pub fn endpoint(&self) -> String {
        format!("otlp.endpoint=http://{}", self.address)
    }

    /// Waits for a span, and returns what has arrived. Spans arrive in the order in which they ended.
    pub async fn collected_with(self, name: &str) -> Collected {
        eventually(name, async || {
            let received = self.received.lock().await;
            let of_resource = received.iter().flat_map(|message| &message.resource_spans);
            let mut spans = of_resource.flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans);
            spans.any(|span| span.name == name).then_some(())
        })
        .await;
        self.collected().await
    }

    pub async fn collected(self) -> Collected {
        self.serving.abort();
        let messages = std::mem::take(&mut *self.received.lock().await);
        let resources = messages.iter().flat_map(|message| &message.resource_spans);
        let mut resources: Vec<_> =
            resources.map(|of| texts(&of.resource.as_ref().unwrap().attributes)).collect();
        for resource in &mut resources {
            resource.sort();
        }
        resources.dedup();
        let of_resource = messages.iter().flat_map(|message| &message.resource_spans);
        let of_scope = of_resource.flat_map(|of| &of.scope_spans);
        let spans = of_scope.flat_map(|of| of.spans.clone()).collect();
        Collected { spans, resources, messages }
    }
}

impl Collected {
    pub fn names(&self) -> Vec<&str> {
        self.spans.iter().map(|span| span.name.as_str()).collect()
    }

    pub fn span(&self, name: &str) -> &Span {
        let found = self.spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name:?} in {:?}", self.names()))
    }

    /// The names below a span, each with what is below it.
    pub fn tree(&self, root: &Span) -> String {
        let mut text = String::new();
        self.write(root, 0, &mut text);
        text
    }

    fn write(&self, span: &Span, depth: usize, text: &mut String) {
        let _ = writeln!(text, "{}{} {:?}", "  ".repeat(depth), span.name, attributes(span));
        let mut below: Vec<_> =
            self.spans.iter().filter(|below| below.parent_span_id == span.span_id).collect();
        below.sort_by_key(|below| below.start_time_unix_nano);
        for below in below {
            assert_eq!(below.trace_id, span.trace_id);
            self.write(below, depth + 1, text);
        }
    }

    /// All that was sent, in a form in which texts can be found.
    pub fn transcript(&self) -> String {
        format!("{:?}", self.messages)
    }
}

pub fn attributes(span: &Span) -> Vec<String> {
    texts(&span.attributes)
}

fn texts(attributes: &[KeyValue]) -> Vec<String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(value)) => format!("{}={value}", pair.key),
        other => format!("{}={other:?}", pair.key),
    };
    attributes.iter().map(text).collect()
}

/// The digits of an id.
pub fn digits(id: &[u8]) -> String {
    let mut text = String::new();
    for byte in id {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
