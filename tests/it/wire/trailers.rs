//! Refusals reach clients with default settings: grpc-java and grpc-core accept 8 KiB of trailers.

use tidegate_client::Refused;
use tidegate_proto as proto;

use super::{Reply, Wire, framed};
use crate::{
    actor::Actor,
    manage::named,
    rpc::{Rpc, path_of},
    test_server::TestServer,
};

/// The maximum size of a refusal. It leaves room for what proxies add.
const MAX_TRAILERS: usize = 6 * 1024;

async fn refused<M: Rpc>(wire: &Wire, actor: &Actor, request: M) -> (Reply, Refused) {
    let path = path_of(M::method());
    let reply = wire.send(wire.signed(actor, path.as_str()), &[&framed(&request)]).await.unwrap();
    let refused = reply.refused();
    assert!(reply.ending_bytes() <= MAX_TRAILERS, "{} bytes: {refused}", reply.ending_bytes());
    (reply, refused)
}

#[tokio::test]
async fn a_batch_of_malformed_pairs_is_refused_in_short() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let pair = || proto::EvaluationItem { product: "?".into(), account: "\u{7}".into() };
    for (pairs, count) in [(1, None), (80, Some("160")), (256, Some("512"))] {
        let request = proto::BatchEvaluateRequest { items: vec![pair(); pairs] };
        let (_, refused) = refused(&wire, &operator, request).await;
        assert_eq!(refused.name(), "INVALID_REQUEST");
        assert_eq!(refused.violations[0].field, "items[0].product");
        assert_eq!(refused.metadata.get("violation_count").map(String::as_str), count);
        if let Some(count) = count {
            let listed = refused.violations.len();
            assert!((10..=20).contains(&listed), "{listed}");
            let message =
                format!("the request is not well-formed: {count} violations, the first {listed} are listed");
            assert_eq!(refused.message, message);
        }
    }
}

#[tokio::test]
async fn names_of_nothing_are_refused_in_short() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    operator.product("kasa").await;
    let rollout = operator.rollout("two-step", &["kasa"], &[100_000]).await;
    let names: Vec<String> = (0..300).map(|n| format!("unknown-{n}")).collect();
    let request = proto::UpdateRolloutRequest {
        rollout: rollout.key,
        etag: rollout.etag,
        deny: Some(named(&names.iter().map(String::as_str).collect::<Vec<_>>())),
        update_mask: crate::manage::mask("deny"),
        ..Default::default()
    };
    let (_, refused) = refused(&wire, &operator, request).await;
    assert_eq!((refused.name(), refused.metadata["violation_count"].as_str()), ("ACCOUNT_NOT_FOUND", "300"));
    assert!(refused.violations.len() >= 10, "{refused}");
}

#[tokio::test]
async fn what_is_echoed_is_cut() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    operator.product("kasa").await;
    for letter in ["a", "ä", "\u{1f600}", "\"", "\u{7}", "\u{301}"] {
        let request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            update_mask: crate::manage::mask(&letter.repeat(60_000 / letter.len())),
            ..Default::default()
        };
        let (_, refused) = refused(&wire, &operator, request).await;
        let told = &refused.violations[0].description;
        assert!(told.ends_with('…') && told.chars().count() == 200, "{told}");
    }
}

/// Reflection echoes the name it does not find, in trailers after its headers.
#[tokio::test]
async fn reflection_echoes_no_long_name() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        for length in [10, 900, 1_100, 60_000] {
            // `file_containing_symbol`, field 4.
            let mut request = Vec::new();
            prost::encoding::string::encode(4, &"ä".repeat(length / 2), &mut request);
            let sent = super::frame(0, &request);
            let reply = wire.send(wire.signed(&operator, &path), &[&sent]).await;
            assert!(reply.unwrap().ending_bytes() <= MAX_TRAILERS, "{version}: {length}");
        }
        let mut services = Vec::new();
        prost::encoding::string::encode(7, &"*".to_owned(), &mut services);
        let listed = wire.send(wire.signed(&operator, &path), &[&super::frame(0, &services)]).await.unwrap();
        assert_eq!(listed.told(), "OK");
        assert!(listed.body.len() > 400, "the services are listed: {listed:?}");
    }
}
