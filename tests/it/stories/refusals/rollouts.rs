//! Changes of products and rollouts that are refused.

use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{manage::ppm, story::tell};

#[tokio::test]
async fn products() {
    tell("refusals/products", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        admin.quiet().product("kasa").await;
        let settings =
            Some(proto::ProductSettings { link_url: "https://kasa.example/".into(), ..Default::default() });
        admin
            .refused(proto::CreateProductRequest {
                key: "kasa".into(),
                title: "Kasa".into(),
                settings,
                ..Default::default()
            })
            .await;
        admin.refused(proto::GetProductRequest { product: "tapo".into() }).await;
        let update = |product: &str, etag: &str, paths: &[&str]| proto::UpdateProductRequest {
            product: product.into(),
            etag: etag.into(),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
            ..Default::default()
        };
        let title = |request| proto::UpdateProductRequest { title: "Kasa Smart".into(), ..request };
        admin.refused(title(update("tapo", "r1", &["title"]))).await;
        admin.refused(title(update("kasa", "r2", &["title"]))).await;
        let all = [
            "title",
            "settings.link_url",
            "settings.allowed_methods",
            "settings.trusted_device",
            "settings.session_idle",
            "settings.session_absolute",
            "settings.messages",
            "settings.authenticator",
            "settings.method_policy",
            "settings.relying_party",
            "settings.directory",
            "settings.min_password_length",
            "settings.check_up_after",
            "settings.refresh_ttl",
            "settings.reauth_within",
            "settings",
            "key",
        ];
        admin.refused(update("kasa", "r1", &all)).await;
        let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let beyond = proto::ProductSettings {
            link_url: "http://kasa.example".into(),
            allowed_methods: vec![proto::Method::Totp.into(), proto::Method::Password.into()],
            trusted_device: span(90 * 86_400 + 1),
            session_idle: span(299),
            session_absolute: span(30 * 86_400 + 1),
            email_is_factor: true,
            messages: Some(proto::MessageStyle { language: "fr".into(), color: "red".into() }),
            authenticator: Some(proto::AuthenticatorStyle { hash: 9, digits: 7, period: 31 }),
            method_policy: Some(proto::MethodPolicy { minimum_factors: 11, ..Default::default() }),
            relying_party: Some(proto::RelyingParty {
                id: "Kasa".into(),
                origins: vec!["http://kasa.example".into()],
                models: vec![],
            }),
            directory: Some(proto::DirectoryEntry::default()),
            min_password_length: 7,
            check_up_after: span(365 * 86_400 + 1),
            refresh_ttl: span(30 * 86_400 + 1),
            reauth_within: span(7 * 86_400 + 1),
        };
        admin
            .refused(proto::UpdateProductRequest {
                settings: Some(beyond),
                ..update("kasa", "r1", &all[1..13])
            })
            .await;
        let settings = proto::ProductSettings { directory: Some(misstated()), ..Default::default() };
        admin
            .refused(proto::UpdateProductRequest {
                settings: Some(settings),
                ..update("kasa", "r1", &["settings.directory"])
            })
            .await;
    })
    .await;
}

/// A directory entry in which hardly any field is right.
fn misstated() -> proto::DirectoryEntry {
    let declared = |category: proto::MethodCategory, names: &[&str]| proto::DeclaredMethod {
        category: category.into(),
        names: names.iter().map(ToString::to_string).collect(),
    };
    proto::DirectoryEntry {
        domain: "localhost".into(),
        documentation_url: "http://kasa.example/help".into(),
        recovery_url: "https://kasa.example".into(),
        verify_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        attribution: "\u{202e}".into(),
        site_categories: vec!["iot".into(); 6],
        regions: vec!["de".into()],
        excluded_regions: vec!["us".into()],
        declared_methods: vec![
            declared(proto::MethodCategory::Call, &["Kasa Call"]),
            declared(proto::MethodCategory::Call, &[]),
            declared(proto::MethodCategory::Unspecified, &[]),
        ],
    }
}

#[tokio::test]
async fn rollouts() {
    tell("refusals/rollouts", async |server| {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let wave = |products: &[&str]| proto::WaveDraft {
            title: "1 %".into(),
            edge: ppm(10_000),
            products: products.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let create = |products: &[&str], waves| proto::CreateRolloutRequest {
            key: "two-step".into(),
            title: "Two-step".into(),
            products: products.iter().map(ToString::to_string).collect(),
            waves,
            ..Default::default()
        };
        manager.refused(create(&["deco"], vec![])).await;
        manager.refused(create(&["kasa"], vec![wave(&["deco"]), wave(&["tapo", "vigi"])])).await;
        let draft = manager.quiet().ok(create(&["kasa"], vec![])).await.rollout.unwrap();
        manager.refused(create(&["kasa"], vec![])).await;
        manager.refused(proto::GetRolloutRequest { rollout: "other".into() }).await;
        let start = |rollout: &str, etag: &str| proto::StartRolloutRequest {
            rollout: rollout.into(),
            etag: etag.into(),
            ..Default::default()
        };
        let advance = |etag: &str| proto::AdvanceRolloutRequest {
            rollout: "two-step".into(),
            etag: etag.into(),
            ..Default::default()
        };
        let add = |etag: &str, wave| proto::AddWaveRequest {
            rollout: "two-step".into(),
            etag: etag.into(),
            wave: Some(wave),
            ..Default::default()
        };
        manager.refused(start("other", "r1")).await;
        manager.refused(start("two-step", "r1")).await;
        manager.refused(add("r1", wave(&["deco"]))).await;
        manager.quiet().ok(add("r1", wave(&[]))).await;
        manager.refused(add("r1", wave(&[]))).await;
        manager.refused(advance("r2")).await;
        manager.refused(start("two-step", &draft.etag)).await;
        manager.quiet().ok(start("two-step", "r2")).await;
        manager.refused(start("two-step", "r3")).await;
        manager.refused(advance("r3")).await;
    })
    .await;
}
