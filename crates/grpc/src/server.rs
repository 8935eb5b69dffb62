//! The server: all services, the gate in front of them, and a shutdown that loses no call.
//!
//! ```text
//! lame_duck ──► health NOT_SERVING, calls are taken ──► drain ──► GOAWAY, streams end, calls under way end ──► linger
//! ```

use std::{sync::Arc, time::Duration};

use tidegate_proto as proto;
use tidegate_service::App;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use crate::{
    call_span::Tracing,
    connections::{ConnectionSettings, Connections},
    door::Door,
    evaluations::FastPath,
    gate::Gate,
    health,
    load::{Load, MaxLoad},
    rules::{Rules, UnknownPermission},
    stream::{StreamSettings, Streams},
    tls::Certificates,
    web::WebOrigins,
};

#[derive(Clone)]
pub struct Settings {
    /// Whether the reflection service is served.
    pub reflection: bool,
    pub streams: StreamSettings,
    /// The longest deadline of a call, and the default. Streams are not bounded by it.
    pub max_deadline: Duration,
    /// How long finished answers may take to be sent when the server stops.
    pub linger: Duration,
    pub connections: ConnectionSettings,
    /// Absent: without TLS.
    pub certificates: Option<Certificates>,
    /// The origins whose pages may call by gRPC-Web. Absent: neither gRPC-Web nor HTTP/1.1 is served.
    pub web_origins: Option<WebOrigins>,
    /// Absent: no call is traced.
    pub tracing: Option<Arc<dyn Tracing>>,
}

/// The two steps of a shutdown, each begun by cancelling its token.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Health says `NOT_SERVING`, so that callers and load balancers go elsewhere. Calls are taken as before.
    pub lame_duck: CancellationToken,
    /// No connection is accepted, callers are told to go (GOAWAY), streams end, and calls under way are carried out.
    pub drain: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Rules(#[from] UnknownPermission),
    #[error("the reflection service cannot be built")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// The largest message of services that take no bulk input, in bytes.
const SMALL: usize = 64 * 1024;
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The largest message of services of other packages. Their requests are names, which reflection
/// echoes whole in a refusal.
const MAX_NAME_BYTES: usize = 1024;

/// Serves until the shutdown is over: no call is under way any more.
pub async fn serve(
    app: App,
    settings: Settings,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let (calls, stopping) = (TaskTracker::new(), shutdown.drain.clone());
    let streams = Streams { settings: settings.streams, stopping: stopping.clone() };
    let door = Door { app: app.clone(), streams };
    let routes = routes(&door).add_service(health_service.max_decoding_message_size(MAX_NAME_BYTES));
    let routes = if settings.reflection { reflect(routes)? } else { routes };
    let readiness = app.readiness();
    let leave = async {
        tokio::select! {
            () = shutdown.lame_duck.cancelled() => {}
            () = stopping.cancelled() => {}
            () = health::report(&reporter, readiness) => {}
        }
        health::leave(&reporter).await;
    };
    let fast_path = FastPath { door, most: MAX_MESSAGE_BYTES };
    let under_way = (calls.clone(), stopping.clone());
    let bounds = settings.connections;
    let call = ([settings.max_deadline, bounds.handshake_timeout], settings.tracing);
    let (linger, longest) = (settings.linger, settings.max_deadline.max(settings.streams.longest));
    let max = MaxLoad {
        calls: bounds.calls,
        bytes: bounds.message_bytes,
        wait: bounds.message_wait,
        arrival: settings.max_deadline,
    };
    let load = Arc::new(Load::new(max, app.metrics()));
    let gate = Gate::new(app.clone(), Rules::declared()?, fast_path, routes, under_way, call);
    let open = TaskTracker::new();
    let connections = Connections {
        app,
        load,
        settings: bounds,
        certificates: settings.certificates,
        web_origins: settings.web_origins,
        longest: (settings.max_deadline, longest + linger),
        stopping: stopping.clone(),
        open: open.clone(),
    };
    let served = async {
        connections.accept(listener, gate).await;
        open.close();
        open.wait().await;
    };
    let ended = async {
        stopping.cancelled().await;
        calls.close();
        loop {
            calls.wait().await;
            tokio::time::sleep(settings.linger).await;
            // A caller who has not heard yet that the server stops may have called meanwhile.
            if calls.is_empty() {
                break;
            }
        }
    };
    let served = async { tokio::join!(leave, served) };
    // An idle connection does not delay the shutdown.
    tokio::select! {
        _ = served => {}
        () = ended => {}
    }
    Ok(())
}

fn routes(door: &Door) -> Routes {
    macro_rules! all {
        ($first:ident::$server:ident $most:ident, $($module:ident::$service:ident $limit:ident,)+) => {
            Routes::new(proto::$first::$server::new(door.clone()).max_decoding_message_size($most))
                $(.add_service(proto::$module::$service::new(door.clone()).max_decoding_message_size($limit)))+
        };
    }
    all! {
        access_service_server::AccessServiceServer SMALL,
        account_service_server::AccountServiceServer MAX_MESSAGE_BYTES,
        audit_service_server::AuditServiceServer SMALL,
        challenge_service_server::ChallengeServiceServer SMALL,
        customer_service_server::CustomerServiceServer SMALL,
        delivery_service_server::DeliveryServiceServer SMALL,
        enrollment_service_server::EnrollmentServiceServer SMALL,
        evaluation_service_server::EvaluationServiceServer MAX_MESSAGE_BYTES,
        product_service_server::ProductServiceServer SMALL,
        push_service_server::PushServiceServer SMALL,
        realm_service_server::RealmServiceServer SMALL,
        rollout_service_server::RolloutServiceServer MAX_MESSAGE_BYTES,
        session_service_server::SessionServiceServer SMALL,
        sign_in_service_server::SignInServiceServer SMALL,
        system_service_server::SystemServiceServer SMALL,
    }
}

/// Serves both versions, because older tools ask for v1alpha.
fn reflect(routes: Routes) -> Result<Routes, ServeError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Lets tools print the details of a refusal.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let stable = builder().build_v1()?.max_decoding_message_size(MAX_NAME_BYTES);
    let draft = builder().build_v1alpha()?.max_decoding_message_size(MAX_NAME_BYTES);
    Ok(routes.add_service(stable).add_service(draft))
}
