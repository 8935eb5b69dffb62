//! Callers without the right, and names that do not exist.

use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{owner::Device, story::tell, test_server::CredentialSpec};

#[tokio::test]
async fn callers_without_the_right() {
    tell("refusals/callers", async |server| {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let ann = operator.person("ann").await;
        server.anonymous().refused(proto::WhoAmIRequest {}).await;
        let evaluator = server.actor("evaluator", Role::Evaluator).await;
        evaluator.refused(proto::GetAccountRequest { account: "ann".into() }).await;
        let tapo = server
            .with_credential(
                "tapo's app",
                CredentialSpec { products: &["tapo"], ..CredentialSpec::of(Role::Frontend) },
            )
            .await;
        tapo.refused(tapo.begin_request(&ann, "kasa", &Device::new("phone-1"))).await;
        tapo.refused(tapo.begin_request(&ann, "deco", &Device::new("phone-1"))).await;
        tapo.refused(proto::EvaluateRequest { product: "kasa".into(), account: "ann".into() }).await;
        let app = server.actor("anybody's app", Role::Frontend).await;
        app.refused(app.begin_request(&ann, "deco", &Device::new("phone-1"))).await;
        app.refused(proto::EvaluateRequest { product: "kasa".into(), account: "bob".into() }).await;
        let operator = operator.aloud();
        operator.in_realm("nowhere").refused(proto::WhoAmIRequest {}).await;
        operator.in_realm("No Where").refused(proto::WhoAmIRequest {}).await;
        operator.refused(proto::GetRealmRequest { realm: "nowhere".into() }).await;
    })
    .await;
}

#[tokio::test]
async fn credentials_that_are_not_handed_out() {
    tell("refusals/credentials", async |server| {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let kasas = server
            .with_credential(
                "kasa's admin",
                CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Admin) },
            )
            .await;
        let credential = |role: proto::RoleType, products: &[&str]| proto::CreateCredentialRequest {
            role: role.into(),
            products: products.iter().map(ToString::to_string).collect(),
            all_products: products.is_empty(),
            title: "Kasa app".into(),
            holder: "Ann".into(),
            ..Default::default()
        };
        kasas.refused(credential(proto::RoleType::Operator, &[])).await;
        kasas.refused(credential(proto::RoleType::Frontend, &[])).await;
        kasas.refused(credential(proto::RoleType::Frontend, &["kasa", "tapo"])).await;
        let admin = server.actor("admin", Role::Admin).await;
        admin.refused(credential(proto::RoleType::Frontend, &["deco"])).await;
        let revoke = |credential: &str| proto::RevokeCredentialRequest {
            credential: credential.into(),
            ..Default::default()
        };
        let other = server.actor("another operator", Role::Operator).await;
        admin.refused(revoke(&other.credential)).await;
        admin.refused(revoke("cred_01h2xcejqtf2nbrexx3vqjhp41")).await;
        other.ok(proto::WhoAmIRequest {}).await;
    })
    .await;
}

/// The admin of one product changes nothing of another product.
#[tokio::test]
async fn the_admin_of_one_product() {
    tell("refusals/one_products_admin", async |server| {
        let operator = server.operator();
        operator.product("tapo").await;
        let rollout = operator.rollout("tapo-two-step", &["tapo"], &[10_000]).await;
        let everybodys = server.actor("everybody's app", Role::Frontend).await;
        let kasas = server.with_credential(
            "kasa's admin",
            CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Admin) },
        );
        operator.product("kasa").await;
        let kasas = kasas.await;
        let settings =
            proto::ProductSettings { link_url: "https://deco.example/".into(), ..Default::default() };
        let (key, title, settings) = ("deco".into(), "Deco".into(), Some(settings));
        kasas.refused(proto::CreateProductRequest { key, title, settings, ..Default::default() }).await;
        let update_mask = Some(prost_types::FieldMask { paths: vec!["title".into()] });
        let (product, etag, title) = ("tapo".into(), "r1".into(), "Mine".into());
        kasas
            .refused(proto::UpdateProductRequest { product, etag, title, update_mask, ..Default::default() })
            .await;
        let products = vec!["kasa".to_owned(), "tapo".to_owned()];
        let (key, title) = ("both".into(), "Both".into());
        kasas.refused(proto::CreateRolloutRequest { key, title, products, ..Default::default() }).await;
        let (rollout, etag) = (rollout.key, rollout.etag);
        kasas.refused(proto::StartRolloutRequest { rollout, etag, ..Default::default() }).await;
        let request = proto::RevokeCredentialRequest {
            credential: everybodys.credential.clone(),
            ..Default::default()
        };
        kasas.refused(request).await;
    })
    .await;
}

/// An app that closes accepts no new command or query.
#[tokio::test]
async fn an_app_that_is_closing() {
    tell("refusals/closing", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        server.app.close().await;
        let request = proto::CreateAccountRequest { external_id: "u-1".into(), ..Default::default() };
        admin.refused(request).await;
        admin.refused(proto::GetAccountRequest { account: "u-1".into() }).await;
    })
    .await;
}
