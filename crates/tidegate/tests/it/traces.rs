//! Traces of real calls, as a collector gets them.

use expect_test::expect;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use tidegate_client::{Client, Settings, TraceContext, TraceSource};
use tidegate_core::Secret;
use tidegate_proto as proto;
use tidegate_tests::{TIMEOUT, pki::Authority};
use tokio::net::TcpListener;

use crate::{
    collector::{Collected, Collector, attributes, digits},
    folder::{Engine, Folder, on_both_engines},
    log::LogLines,
    owner::{PASSWORD, Realm, begin_request, email, heard},
    program::eventually,
    server::Server,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// Every call without a caller's trace.
const ALL: &str = "otlp.sample_per_mille=1000";
const LAST: &str = "tidegate.v1.SystemService/GetServerInfo";
/// None of them.
const NONE: &str = "otlp.sample_per_mille=0";

on_both_engines! {
    a_call_is_a_part_of_its_callers_trace,
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// A client whose calls name a trace.
fn traced(server: &Server, credential: &str, traceparent: String) -> Client {
    let context = TraceContext { traceparent, tracestate: "vendor=7".to_owned() };
    let settings = Settings {
        address: format!("http://{}", server.grpc),
        deadline: TIMEOUT,
        trace: Some(TraceSource::new(move || Some(context.clone()))),
        ..Settings::new(Secret::new(credential.trim().to_owned()))
    };
    Client::lazy(&settings).unwrap()
}

fn create(name: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest {
        external_id: name.to_owned(),
        email: email(name),
        password: PASSWORD.to_owned(),
        ..Default::default()
    }
}

/// After one more call, which is traced: what ended before it has arrived before it.
async fn collected(server: Server, collector: Collector) -> Collected {
    let last = traced(
        &server,
        &server.credential(),
        "00-00000000000000000000000000000007-0000000000000007-01".to_owned(),
    );
    heard(last.system().get_server_info(proto::GetServerInfoRequest {}).await).unwrap();
    let mut collected = collector.collected_with(LAST).await;
    assert_eq!(collected.spans.pop().unwrap().name, LAST);
    let ended = server.stopped().await;
    assert_eq!(ended.code, Some(0), "{}", ended.transcript());
    collected
}

fn of_calls(collected: &Collected) -> Vec<&Span> {
    collected.spans.iter().filter(|span| span.kind() == SpanKind::Server).collect()
}

async fn a_call_is_a_part_of_its_callers_trace(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let collector = Collector::start().await;
    let server = folder.serve(&[&collector.endpoint(), NONE]).await;
    let operator = traced(&server, &folder.read("operator.credential"), traceparent("01"));
    heard(operator.accounts().create_account(create("ann")).await).unwrap();
    let missing = proto::GetAccountRequest { account: "bob".into() };
    heard(operator.accounts().get_account(missing).await).unwrap_err();
    let collected = collected(server, collector).await;

    let [resource] = &collected.resources[..] else { panic!("{:?}", collected.resources) };
    assert!(resource[0].starts_with("service.instance.id="), "{resource:?}");
    assert_eq!(
        resource[1..],
        ["service.name=tidegate", concat!("service.version=", env!("CARGO_PKG_VERSION"))]
    );
    for span in of_calls(&collected) {
        assert_eq!(
            (digits(&span.trace_id), digits(&span.parent_span_id)),
            (TRACE.to_owned(), CALLER.to_owned())
        );
        assert_eq!((span.trace_state.as_str(), span.events.len(), span.links.len()), ("vendor=7", 0, 0));
        assert!(span.status.as_ref().is_none_or(|status| status.code() == StatusCode::Unset), "{span:?}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    let created = collected.span("tidegate.v1.AccountService/CreateAccount");
    let engine = if engine == Engine::Sqlite { "sqlite" } else { "postgresql" };
    expect![[r#"
        tidegate.v1.AccountService/CreateAccount ["rpc.system.name=grpc", "rpc.method=tidegate.v1.AccountService/CreateAccount", "rpc.response.status_code=OK"]
          command create_account []
            password hash []
            tx create_account ["db.system.name=ENGINE"]
    "#]].assert_eq(&collected.tree(created).replace(engine, "ENGINE"));
    let read = collected.span("tidegate.v1.AccountService/GetAccount");
    assert!(attributes(read).contains(&"rpc.response.status_code=NOT_FOUND".to_owned()), "{read:?}");
}

#[tokio::test]
async fn the_caller_decides_and_a_share_of_the_others_is_traced() {
    let folder = Folder::empty();
    let collector = Collector::start().await;
    let server = folder.serve(&[&collector.endpoint(), NONE]).await;
    let operator = folder.read("operator.credential");
    let who = async |client: Client| heard(client.access().who_am_i(proto::WhoAmIRequest {}).await);
    who(server.operator()).await.unwrap();
    for malformed in ["", "00", "01", "ff-1", &"x".repeat(5_000)] {
        who(traced(&server, &operator, malformed.to_owned())).await.unwrap();
    }
    who(traced(&server, &operator, traceparent("00"))).await.unwrap();
    // A caller who is not known cannot fill the collector.
    let forged = format!("{}_{}", operator.trim().rsplit_once('_').unwrap().0, "5e".repeat(32));
    who(traced(&server, &forged, traceparent("01"))).await.unwrap_err();
    assert_eq!(collected(server, collector).await.names(), [""; 0]);

    let collector = Collector::start().await;
    let server = folder.serve(&[&collector.endpoint(), ALL]).await;
    who(server.operator()).await.unwrap();
    who(server.client(&forged)).await.unwrap_err();
    who(traced(&server, &operator, traceparent("00"))).await.unwrap();
    let collected = collected(server, collector).await;
    let [known, unknown] = of_calls(&collected)[..] else { panic!("{:?}", collected.names()) };
    assert_eq!((known.parent_span_id.len(), unknown.parent_span_id.len()), (0, 0));
    assert_ne!(known.trace_id, unknown.trace_id);
    let code = "rpc.response.status_code=UNAUTHENTICATED".to_owned();
    assert_eq!([known, unknown].map(|span| attributes(span).contains(&code)), [false, true]);
}

#[tokio::test]
async fn hot_methods_and_probes_have_no_spans() {
    let folder = Folder::empty();
    let collector = Collector::start().await;
    let server = folder.serve(&[&collector.endpoint(), ALL]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let session = realm.frontend(&server).sign_in("ann", "phone").await;
    let frontend = traced(&server, &realm.frontend_token, traceparent("01"));
    let request = proto::IntrospectRequest { session_token: session };
    assert!(heard(frontend.sessions().introspect(request).await).unwrap().active);
    let pair = proto::EvaluateRequest { product: "kasa".into(), account: "ann".into() };
    heard(frontend.evaluations().evaluate(pair).await).unwrap();
    let batch = proto::BatchEvaluateRequest::default();
    let _ = heard(frontend.evaluations().batch_evaluate(batch).await);
    let mut health = tonic_health::pb::health_client::HealthClient::new(frontend.channel());
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    let collected = collected(server, collector).await;
    let calls: Vec<_> = of_calls(&collected).into_iter().map(|span| span.name.as_str()).collect();
    assert!(calls.contains(&"tidegate.v1.SignInService/BeginSignIn"), "{calls:?}");
    for hot in ["Evaluate", "Introspect", "Health"] {
        assert!(
            !calls.iter().any(|name| name.contains(&format!("/{hot}")) || name.contains("BatchEvaluate")),
            "{calls:?}"
        );
    }
}

#[tokio::test]
async fn a_mail_is_a_trace_of_its_own() {
    let folder = Folder::empty();
    let collector = Collector::start().await;
    let server = folder.serve(&[&collector.endpoint(), ALL]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let frontend = realm.frontend(&server);
    let session = frontend.sign_in("ann", "phone").await;
    let request = proto::BeginEnrollmentRequest {
        subject: Some(crate::owner::signed_in(&session)),
        method: proto::Method::Totp.into(),
        ..Default::default()
    };
    heard(frontend.client.enrollments().begin_enrollment(request).await).unwrap();
    let collected = collector.collected_with("delivery mail").await;
    let delivery = collected.span("delivery mail");
    assert_eq!(delivery.parent_span_id.len(), 0);
    expect![[r#"
        delivery mail []
          tx claim_delivery ["db.system.name=sqlite"]
          send mail []
          tx end_delivery ["db.system.name=sqlite"]
    "#]]
    .assert_eq(&collected.tree(delivery));
    assert!(of_calls(&collected).iter().all(|call| call.trace_id != delivery.trace_id));
    assert_eq!(server.stopped().await.code, Some(0));
}

#[tokio::test]
async fn a_line_of_a_traced_call_names_its_trace() {
    for format in ["text", "json"] {
        let folder = Folder::empty();
        let collector = Collector::start().await;
        let format = format!("log.format={format}");
        let server = folder.serve(&[&collector.endpoint(), NONE, &format]).await;
        let realm = Realm::set_up(&server, &["ann"]).await;
        let frontend = traced(&server, &realm.frontend_token, traceparent("01"));
        heard(frontend.realms().list_realms(proto::ListRealmsRequest::default()).await).unwrap_err();
        let ended = server.stopped().await;
        let line = ended.err.lines().find(|line| line.contains("calls are refused")).unwrap();
        let named = [format!("trace_id={TRACE}"), format!(r#""trace_id":"{TRACE}""#)];
        assert!(named.iter().any(|named| line.contains(named)), "{line}");
        assert_eq!(ended.err.matches(TRACE).count(), 1, "{}", ended.err);
        if format.ends_with("json") {
            LogLines::of(&ended);
        }
    }
}

#[tokio::test]
async fn a_collector_that_is_away_delays_nothing() {
    // Nothing listens there any more.
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (address, timeout) in
        [(away, "otlp.timeout_ms=100"), (silent.local_addr().unwrap(), "otlp.timeout_ms=60000")]
    {
        let folder = Folder::empty();
        let server = folder.serve(&[&format!("otlp.endpoint=http://{address}"), ALL, timeout]).await;
        let realm = Realm::set_up(&server, &["ann"]).await;
        heard(realm.operator.accounts().create_account(create("bob")).await).unwrap();
        if address == away {
            let dropped = "tidegate_trace_spans_dropped_total{reason=\"export_failed\"} ";
            let count = async || {
                let (_, text) = server.page("/metrics").await;
                text.lines().find_map(|line| {
                    line.strip_prefix(dropped)?.parse::<u64>().ok().filter(|count| *count > 0)
                })
            };
            eventually("spans that are dropped", count).await;
        }
        let ended = server.stopped().await;
        assert_eq!(ended.code, Some(0), "{}", ended.transcript());
        assert!(ended.err.contains("could not be sent"), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_collector_may_have_a_certificate() {
    let authority = Authority::new();
    for (pem, is_trusted) in [(&authority.pem, true), (&Authority::new().pem, false)] {
        let folder = Folder::empty();
        folder.write("ca.pem", pem);
        let collector = Collector::start_tls(&authority.server(1)).await;
        let endpoint = format!("otlp.endpoint=https://localhost:{}", collector.address.port());
        let mut server = folder.serve(&[&endpoint, "otlp.ca_file=ca.pem", ALL]).await;
        heard(server.operator().system().get_server_info(proto::GetServerInfoRequest {}).await).unwrap();
        if is_trusted {
            collector.collected_with(LAST).await;
        } else {
            server.program.logs("spans of traces could not be sent").await;
            assert_eq!(collector.collected().await.names(), [""; 0]);
        }
        assert_eq!(server.stopped().await.code, Some(0));
    }
}

#[tokio::test]
async fn a_trace_of_a_sign_in_shows_where_its_time_went() {
    let folder = Folder::empty();
    let collector = Collector::start().await;
    let server = folder.serve(&[&collector.endpoint(), NONE]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let frontend = traced(&server, &realm.frontend_token, traceparent("01"));
    heard(frontend.sign_ins().begin_sign_in(begin_request("ann", "phone")).await).unwrap();
    let collected = collected(server, collector).await;
    let begun = collected.span("tidegate.v1.SignInService/BeginSignIn");
    expect![[r#"
        tidegate.v1.SignInService/BeginSignIn ["rpc.system.name=grpc", "rpc.method=tidegate.v1.SignInService/BeginSignIn", "rpc.response.status_code=OK"]
          command begin_sign_in []
            tx begin_sign_in ["db.system.name=sqlite"]
            password hash []
            password hash []
            tx begin_sign_in ["db.system.name=sqlite"]
    "#]].assert_eq(&collected.tree(begun));
}
