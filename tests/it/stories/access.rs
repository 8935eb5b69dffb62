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
