//! Realms, and who may call in them.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{story::tell, test_server::timestamp};

#[tokio::test]
async fn an_operator_makes_a_realm_and_its_admin() {
    tell("access/a_new_realm", async |server| {
        let operator = server.operator().aloud();
        operator.ok(proto::GetServerInfoRequest {}).await;
        let request =
            proto::CreateRealmRequest { key: "acme".into(), title: "Acme".into(), ..Default::default() };
        operator.ok(request.clone()).await;
        operator.refused(request).await;
        operator.ok(proto::GetRealmRequest { realm: "acme".into() }).await;
        let page = operator.ok(proto::ListRealmsRequest { page_size: 1, ..Default::default() }).await;
        operator.ok(proto::ListRealmsRequest { page_size: 1, page_token: page.next_page_token }).await;

        server.transcript.note("in the new realm");
        let operator = operator.in_realm("acme");
        operator.ok(proto::WhoAmIRequest {}).await;
        let admin = credential(proto::RoleType::Admin, &[]);
        let admin = operator.ok(admin).await.token;
        let admin = operator.with(&admin).named("admin");
        admin.ok(proto::WhoAmIRequest {}).await;
        admin.refused(credential(proto::RoleType::Operator, &[])).await;
        admin.ok(proto::ListEventsRequest::default()).await;
    })
    .await;
}

fn credential(role: proto::RoleType, products: &[&str]) -> proto::CreateCredentialRequest {
    proto::CreateCredentialRequest {
        role: role.into(),
        products: products.iter().map(ToString::to_string).collect(),
        all_products: products.is_empty(),
        title: "Kasa app".into(),
        holder: "Ann".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn secrets_rotate_and_the_last_operator_stays() {
    tell("access/rotation", async |server| {
        let rotate = |credential: &str| proto::RotateCredentialRequest {
            credential: credential.into(),
            overlap: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            ..Default::default()
        };
        let revoke = |credential: &str| proto::RevokeCredentialRequest {
            credential: credential.into(),
            ..Default::default()
        };
        let admin = server.actor("admin", Role::Admin).await;
        let app = server.actor("app", Role::Frontend).await;
        server
            .transcript
            .note("a service rotates its own credential, and both secrets are accepted for an hour");
        let new = app.with(&app.ok(rotate(&app.credential)).await.token).named("app, new secret");
        app.ok(proto::WhoAmIRequest {}).await;
        new.ok(proto::WhoAmIRequest {}).await;
        app.refused(rotate(&app.credential)).await;
        server.pass(Span::hours(1));
        app.refused(proto::WhoAmIRequest {}).await;
        server.transcript.note("whoever else gets a secret of it is behind it from then on");
        admin.ok(rotate(&app.credential)).await;
        admin.ok(revoke(&app.credential)).await;
        admin.refused(rotate(&app.credential)).await;
        server
            .transcript
            .note("the last operator's credential cannot be revoked, and its secret does not end at once");
        let operator = server.operator().aloud();
        let first = operator.ok(proto::WhoAmIRequest {}).await.credential.unwrap().id;
        operator.refused(revoke(&first)).await;
        let at_once = proto::RotateCredentialRequest {
            overlap: Some(prost_types::Duration::default()),
            ..rotate(&first)
        };
        operator.refused(at_once).await;
        operator.ok(credential(proto::RoleType::Operator, &[])).await;
        operator.ok(revoke(&first)).await;
        operator.refused(proto::WhoAmIRequest {}).await;
    })
    .await;
}

#[tokio::test]
async fn a_credential_is_made_used_and_revoked() {
    tell("access/a_credential", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        admin.quiet().product("kasa").await;
        let expire_time = Some(timestamp(server.now().plus(Span::days(90))));
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let request = proto::CreateCredentialRequest {
            expire_time,
            request_id,
            ..credential(proto::RoleType::Frontend, &["kasa"])
        };
        let new = admin.ok(request.clone()).await;
        let again = admin.ok(request.clone()).await;
        assert_eq!(new.token, again.token);
        server.pass(Span::minutes(10));
        admin.ok(request.clone()).await;
        admin.refused(proto::CreateCredentialRequest { title: "Other".into(), ..request.clone() }).await;
        let frontend = admin.with(&new.token).named("frontend");
        frontend.ok(proto::WhoAmIRequest {}).await;
        let credential = new.credential.unwrap().id;
        admin
            .ok(proto::RevokeCredentialRequest { credential: credential.clone(), ..Default::default() })
            .await;
        admin.ok(proto::RevokeCredentialRequest { credential, ..Default::default() }).await;
        frontend.refused(proto::WhoAmIRequest {}).await;
        admin.ok(proto::ListCredentialsRequest::default()).await;
        server.pass(Span::hours(24));
        let later = admin.ok(request).await;
        assert_ne!(new.token, later.token);
    })
    .await;
}
