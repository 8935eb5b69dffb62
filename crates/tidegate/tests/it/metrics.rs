//! What the admin port shows to Prometheus.

use crate::{
    folder::{Engine, Folder},
    owner::{Realm, by_password},
    program::eventually,
    server::Server,
};
use tidegate_proto as proto;

impl Server {
    /// The value of one series, as it is written; `None` while there is none.
    async fn metric(&self, series: &str) -> Option<f64> {
        let (status, text) = self.page("/metrics").await;
        assert_eq!(status, 200, "{text}");
        assert!(text.trim_end().ends_with("# EOF"), "{text}");
        let line =
            text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned));
        line.map(|value| value.parse().unwrap())
    }
}

async fn a_story_is_counted(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let frontend = realm.frontend(&server);
    let session = frontend.sign_in("ann", "phone").await;
    frontend.enroll("ann", &session).await;
    let begun = frontend.begin("ann", "tablet").await;
    let challenge = frontend.challenge(&begun).await;
    frontend.answer(&begun, &challenge, "000000").await.unwrap();
    let wrong = proto::BeginSignInRequest {
        first_factor: by_password("not the password at all"),
        ..crate::owner::begin_request("ann", "laptop")
    };
    frontend.client.sign_ins().begin_sign_in(wrong).await.unwrap();
    server.client("nobody").access().who_am_i(proto::WhoAmIRequest {}).await.unwrap_err();
    for (series, at_least) in [
        (r#"tidegate_grpc_requests_total{service="SignInService",method="BeginSignIn",code="OK"}"#, 3.0),
        (
            r#"tidegate_grpc_requests_total{service="AccessService",method="WhoAmI",code="UNAUTHENTICATED"}"#,
            1.0,
        ),
        (r#"tidegate_grpc_request_seconds_count{service="SignInService",method="BeginSignIn"}"#, 3.0),
        (r#"tidegate_refusals_total{reason="UNAUTHENTICATED"}"#, 1.0),
        (r#"tidegate_sign_ins_total{state="completed"}"#, 1.0),
        (r#"tidegate_sign_ins_total{state="pending_challenge"}"#, 1.0),
        (r#"tidegate_sign_ins_total{state="denied"}"#, 1.0),
        (r#"tidegate_challenges_total{method="totp",outcome="wrong_answer"}"#, 1.0),
        ("tidegate_password_hash_seconds_count", 3.0),
        (r#"tidegate_database_connections{state="idle"}"#, 0.0),
        ("tidegate_process_open_fds", 5.0),
        ("tidegate_process_resident_memory_bytes", 1_000_000.0),
        ("tidegate_retention_last_run_timestamp_seconds", 1_700_000_000.0),
    ] {
        let value = server.metric(series).await.unwrap_or_else(|| panic!("no {series}"));
        assert!(value >= at_least, "{series} {value}");
    }
    let sent = r#"tidegate_deliveries_total{channel="mail",outcome="sent"}"#;
    eventually("a mail is counted", async || server.metric(sent).await.filter(|count| *count >= 1.0)).await;
    eventually("everything is sealed", async || {
        server.metric("tidegate_sealer_unsealed_events").await.filter(|count| *count == 0.0)
    })
    .await;
    let (_, text) = server.page("/metrics").await;
    for secret in ["ann@", "tgs_", "tgi_", "acct_", "cred_"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn inv_47_a_story_is_counted_and_tells_no_secret_on_sqlite() {
    a_story_is_counted(Engine::Sqlite).await;
}

#[tokio::test]
async fn inv_47_a_story_is_counted_and_tells_no_secret_on_postgres() {
    a_story_is_counted(Engine::Postgres).await;
}
