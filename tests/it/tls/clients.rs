//! Which clients are let in, and as whom they call.

use tidegate_client::Settings;
use tidegate_core::{Role, Secret};
use tidegate_grpc::ClientCertificates;
use tidegate_proto as proto;
use tidegate_tests::pki::Authority;

use super::{Encrypted, Setup, call};
use crate::test_server::TestServer;

const ID: &str = "spiffe://acme/router";

#[tokio::test]
async fn a_client_that_trusts_the_authority_calls() {
    let server = TestServer::sqlite().await;
    let encrypted = Encrypted::start(&server).await;
    assert_eq!(call(&encrypted.settings()).await.unwrap().realm, "main");
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_refuses_the_server() {
    let server = TestServer::sqlite().await;
    let encrypted = Encrypted::start(&server).await;
    let refused = call(&encrypted.trusting(&Authority::new().pem)).await.unwrap_err();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    // The system's authorities did not issue it either.
    let refused = call(&encrypted.trusting("")).await.unwrap_err();
    assert!(refused.contains("invalid peer certificate") || refused.contains("no native certs"), "{refused}");
}

#[tokio::test]
async fn a_certificate_that_expired_is_refused() {
    let server = TestServer::sqlite().await;
    let setup = Setup::new();
    let issued = setup.authority.expired_server();
    let encrypted = Setup { issued, ..setup }.serve(&server).await;
    let refused = call(&encrypted.settings()).await.unwrap_err();
    assert!(refused.contains("certificate expired"), "{refused}");
    assert_eq!(encrypted.certificates.info().expires_at.to_string(), "2021-01-01T00:00:00Z");
}

#[tokio::test]
async fn each_side_says_so_when_the_other_does_not_speak_tls() {
    let server = TestServer::sqlite().await;
    let encrypted = Encrypted::start(&server).await;
    let plain = Settings { address: format!("http://{}", encrypted.address), ..encrypted.settings() };
    call(&plain).await.unwrap_err();
    let tls = Settings { address: format!("https://{}", server.address), ..encrypted.settings() };
    call(&tls).await.unwrap_err();
    assert!(call(&encrypted.settings()).await.is_ok());
}

#[tokio::test]
async fn a_required_certificate_must_be_shown_and_come_from_a_trusted_authority() {
    let server = TestServer::sqlite().await;
    let client_certificates = Some(ClientCertificates::Required);
    let encrypted = Setup { client_certificates, ..Setup::new() }.serve(&server).await;
    assert!(call(&encrypted.showing(&encrypted.authority.client("router", ID))).await.is_ok());
    call(&encrypted.settings()).await.unwrap_err();
    call(&encrypted.showing(&Authority::new().client("router", ID))).await.unwrap_err();
    // A certificate of a server is none of a client.
    call(&encrypted.showing(&encrypted.authority.server(2))).await.unwrap_err();
}

#[tokio::test]
async fn an_optional_certificate_may_be_missing_but_not_wrong() {
    let server = TestServer::sqlite().await;
    let client_certificates = Some(ClientCertificates::Optional);
    let encrypted = Setup { client_certificates, ..Setup::new() }.serve(&server).await;
    assert!(call(&encrypted.settings()).await.is_ok());
    assert!(call(&encrypted.showing(&encrypted.authority.client("router", ID))).await.is_ok());
    call(&encrypted.showing(&Authority::new().client("router", ID))).await.unwrap_err();
}

#[tokio::test]
async fn a_certificate_stands_for_the_credential_that_the_configuration_names() {
    let server = TestServer::sqlite().await;
    let (frontend, auditor) =
        (server.actor("back end", Role::Frontend).await, server.actor("siem", Role::Auditor).await);
    let setup = Setup {
        client_certificates: Some(ClientCertificates::Optional),
        client_identities: format!("{ID}={}, CN=siem={}", frontend.credential, auditor.credential),
        ..Setup::new()
    };
    let encrypted = setup.serve(&server).await;
    let router = encrypted.showing(&encrypted.authority.client("siem", ID));
    let as_router = Settings { credential: Secret::new(String::new()), ..router.clone() };
    let siem = encrypted.showing(&encrypted.authority.client("siem", "spiffe://acme/siem"));
    let as_siem = Settings { credential: Secret::new(String::new()), ..siem };
    let other = encrypted.showing(&encrypted.authority.client("acme", "spiffe://acme/router/2"));
    let as_other = Settings { credential: Secret::new(String::new()), ..other };

    let role = |who: proto::WhoAmIResponse| who.credential.unwrap().role();
    assert_eq!(call(&as_router).await.map(role), Ok(proto::RoleType::Frontend), "the first name counts");
    assert_eq!(call(&as_siem).await.map(role), Ok(proto::RoleType::Auditor));
    // A token is what counts where there is one, and a wrong one is not made up for.
    assert_eq!(call(&router).await.map(role), Ok(proto::RoleType::Operator));
    let wrong = Settings { credential: Secret::new("tgk_1_x".to_owned()), ..router };
    for settings in
        [wrong, as_other, Settings { credential: Secret::new(String::new()), ..encrypted.settings() }]
    {
        let refused = call(&settings).await.unwrap_err();
        assert!(refused.starts_with("Unauthenticated"), "{refused}");
    }
    let revoke =
        proto::RevokeCredentialRequest { credential: frontend.credential.clone(), ..Default::default() };
    server.operator().ok(revoke).await;
    assert!(call(&as_router).await.unwrap_err().starts_with("Unauthenticated"), "it was revoked");
}
