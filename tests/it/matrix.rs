//! Which role may call which method, and callers without a valid credential.

use std::fmt::Write as _;

use http::uri::PathAndQuery;
use tidegate_client::Refused;
use tidegate_core::{Role, Span, Word as _};
use tidegate_proto::{self as proto, ErrorReason};
use tonic::{Code, Response};
use tonic_prost::ProstCodec;

use crate::{
    actor::Actor,
    story::compare,
    test_server::{CredentialSpec, TestServer},
};

/// Calls a method with an empty message. A client stream gets it as its only one.
async fn knock(actor: &Actor, path: &'static str) -> Result<(), Refused> {
    let mut grpc = actor.grpc();
    grpc.ready().await.unwrap();
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let answer = grpc.unary(actor.signed(()), PathAndQuery::from_static(path), codec).await;
    answer.map(Response::into_inner).map_err(|status| Refused::of(&status))
}

/// A role that may call gets past the gate: the empty message is answered, or refused as malformed.
#[tokio::test]
async fn every_role_against_every_method() {
    let server = TestServer::sqlite().await;
    let mut actors = Vec::new();
    for role in Role::ALL {
        actors.push((role.as_str(), server.actor(role.as_str(), *role).await));
    }
    let mut table = String::new();
    for (path, rule) in proto::RULES {
        let method = path.trim_start_matches("/tidegate.v1.").replace("Service/", " ");
        let permission = rule.permission().as_str_name().trim_start_matches("PERMISSION_");
        write!(table, "{method:<40} {permission:<20}").unwrap();
        for (role, actor) in &actors {
            let open = match knock(actor, path).await.map_err(|refused| refused.code) {
                Err(Code::PermissionDenied) => "-",
                Ok(()) | Err(Code::InvalidArgument) => role,
                Err(code) => panic!("{role} at {path}: {code:?}"),
            };
            write!(table, " {open:<width$}", width = role.len()).unwrap();
        }
        table = table.trim_end().to_owned() + "\n";
    }
    compare("matrix", &table);
}

on_both! {
    /// Every caller without a valid credential gets the same reply, so that it does not reveal which
    /// credentials exist.
    async fn no_caller_without_a_credential_gets_past_the_gate(server) {
        let operator = server.operator();
        let (id, secret) = operator.token.clone().unwrap().rsplit_once('_').map(|(id, secret)| (id.to_owned(), secret.to_owned())).unwrap();
        let with = |token: String| server.anonymous().with(&token);
        let tomorrow = CredentialSpec { expires_at: Some(server.now().plus(Span::days(1))), ..CredentialSpec::of(Role::Operator) };
        let (expired, revoked) = (server.with_credential("expired", tomorrow).await, server.actor("revoked", Role::Operator).await);
        knock(&expired, WHO_AM_I).await.unwrap();
        knock(&revoked, WHO_AM_I).await.unwrap();
        server.pass(Span::days(1));
        operator.ok(proto::RevokeCredentialRequest { credential: revoked.credential.clone(), ..Default::default() }).await;
        let unknown = [
            ("anonymous", server.anonymous()),
            ("a wrong secret", with(format!("{id}_{}", "0".repeat(64)))),
            ("half a secret", with(format!("{id}_{}", &secret[..32]))),
            ("no such credential", with(format!("tgk_01h2xcejqtf2nbrexx3vqjhp41_{secret}"))),
            ("no token at all", with("hello".to_owned())),
            ("expired", expired),
            ("revoked", revoked),
        ];
        for (path, _) in proto::RULES {
            for (who, caller) in &unknown {
                let refused = knock(caller, path).await.unwrap_err();
                let told = (refused.code, refused.reason, refused.message.as_str());
                assert_eq!(told, (Code::Unauthenticated, Some(ErrorReason::Unauthenticated), "the caller is not known"), "{who} at {path}");
            }
        }
    }
}

const WHO_AM_I: &str = "/tidegate.v1.AccessService/WhoAmI";

#[tokio::test]
async fn a_method_that_is_not_declared_is_told_to_callers_only() {
    let server = TestServer::sqlite().await;
    let admin = server.actor("admin", Role::Admin).await;
    for path in ["/tidegate.v1.AccountService/Nothing", "/tidegate.v1.NoService/GetAccount", "/"] {
        let refused = knock(&admin, path).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason),
            (Code::Unimplemented, Some(ErrorReason::NoSuchMethod)),
            "{path}"
        );
        assert_eq!(knock(&server.anonymous(), path).await.unwrap_err().code, Code::Unauthenticated, "{path}");
    }
}

#[tokio::test]
async fn only_an_operator_names_another_realm() {
    let server = TestServer::sqlite().await;
    server.realm("other").await;
    let admin = server.actor("admin", Role::Admin).await.in_realm("other");
    assert_eq!(admin.ok(proto::WhoAmIRequest {}).await.realm, "main");
    let operator = server.operator();
    assert_eq!(operator.in_realm("other").ok(proto::WhoAmIRequest {}).await.realm, "other");
    let refused = operator.in_realm("nowhere").refused(proto::WhoAmIRequest {}).await;
    assert_eq!(refused.reason, Some(ErrorReason::RealmNotFound));
}

#[tokio::test]
async fn what_others_say_of_a_realm_is_not_read() {
    let server = TestServer::sqlite().await;
    let admin = server.actor("admin", Role::Admin).await;
    assert_eq!(admin.in_realm("No Where").ok(proto::WhoAmIRequest {}).await.realm, "main");
    let caller = server.anonymous().with("tgk_01h2xcejqtf2nbrexx3vqjhp41_0").in_realm("No Where");
    assert_eq!(caller.refused(proto::WhoAmIRequest {}).await.code, Code::Unauthenticated);
}
