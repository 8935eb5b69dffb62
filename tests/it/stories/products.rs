//! Products: what people sign in to.

use proto::Method;
use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{method_policy::rule, setting::Kasa, story::tell};

#[tokio::test]
async fn a_product_is_made_and_changed() {
    tell("products/one", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        let product = admin.product("kasa").await;
        let settings = proto::ProductSettings {
            trusted_device: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
            session_absolute: Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 }),
            ..Default::default()
        };
        let paths =
            ["title", "settings.trusted_device", "settings.session_absolute"].map(str::to_owned).to_vec();
        let request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: product.etag,
            title: "Kasa Smart".into(),
            settings: Some(settings),
            update_mask: Some(prost_types::FieldMask { paths }),
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
        };
        admin.ok(request.clone()).await;
        admin.ok(request.clone()).await;
        admin.refused(proto::UpdateProductRequest { request_id: String::new(), ..request }).await;
        admin.ok(proto::GetProductRequest { product: "kasa".into() }).await;
        admin.quiet().product("tapo").await;
        let first = admin.ok(proto::ListProductsRequest { page_size: 1, ..Default::default() }).await;
        admin
            .ok(proto::ListProductsRequest { page_token: first.next_page_token, ..Default::default() })
            .await;
    })
    .await;
}

on_both! {
    /// Products are sorted by bytes, whatever the collation of the database.
    async fn products_are_listed_by_key(server) {
        let operator = server.operator();
        for key in ["kasa2", "kasa-web", "kasab", "kasa"] {
            operator.product(key).await;
        }
        let mut request = proto::ListProductsRequest { page_size: 1, ..Default::default() };
        let mut keys = Vec::new();
        loop {
            let page = operator.ok(request.clone()).await;
            keys.extend(page.products.into_iter().map(|product| product.key));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(keys, ["kasa", "kasa-web", "kasa2", "kasab"]);
    }
}

#[tokio::test]
async fn a_policy_of_methods() {
    tell("products/method_policy", async |server| {
        let kasa = Kasa::by_mail(&server).await;
        let (admin, owner) = (kasa.admin.aloud(), kasa.mail_owner("ann").await);
        let policy = proto::MethodPolicy {
            rules: vec![rule(Method::Totp, &[], true), rule(Method::RecoveryCodes, &[], false)],
            minimum_factors: 1,
            confirm_by_link: true,
            ..Default::default()
        };
        admin.ok(kasa.admin.policy(policy.clone()).await).await;
        server.transcript.note("what can never be bound is no policy");
        let rules = vec![rule(Method::Totp, &[Method::Totp], false)];
        admin.refused(kasa.admin.policy(proto::MethodPolicy { rules, ..policy.clone() }).await).await;
        let strict = proto::MethodPolicy { phishing_resistant_only: true, ..policy };
        admin.refused(kasa.admin.policy(strict).await).await;
        server.transcript.note(&format!("{} has two-step on, and nothing but a mailbox", owner.person.email));
        let settings = proto::ProductSettings::default();
        admin.refused(kasa.admin.change_product(settings, "settings.email_is_factor").await).await;
    })
    .await;
}
