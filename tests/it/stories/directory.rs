//! The method directory: what each product supports, as public lists of two-factor methods show it.

use proto::{Method, MethodCategory as Category};
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    method_policy::rule,
    story::tell,
    test_server::{TestServer, timestamp},
};

fn declared(category: Category, names: &[&str]) -> proto::DeclaredMethod {
    let names = names.iter().map(ToString::to_string).collect();
    proto::DeclaredMethod { category: category.into(), names }
}

/// What Kasa says of itself, verified today.
fn entry(server: &TestServer) -> proto::DirectoryEntry {
    proto::DirectoryEntry {
        domain: "kasa.example".into(),
        documentation_url: "https://kasa.example/help#two-step".into(),
        recovery_url: "https://kasa.example/help/lost-phone".into(),
        verify_time: Some(timestamp(server.now())),
        attribution: "Kasa security team".into(),
        regions: vec!["DE".into(), "FR".into()],
        declared_methods: vec![
            declared(Category::CustomSoftware, &["Kasa Guard"]),
            declared(Category::Call, &[]),
        ],
        ..Default::default()
    }
}

/// Changes one setting of Kasa.
async fn changed(admin: &Actor, settings: proto::ProductSettings, path: &str) -> proto::UpdateProductRequest {
    admin.quiet().change_product(settings, path).await
}

async fn directory(admin: &Actor, entry: proto::DirectoryEntry) -> proto::UpdateProductRequest {
    let settings = proto::ProductSettings { directory: Some(entry), ..Default::default() };
    changed(admin, settings, "settings.directory").await
}

async fn categories(actor: &Actor) -> Vec<Category> {
    let request = proto::GetMethodDirectoryRequest { product: "kasa".into() };
    let directory = actor.ok(request).await.directory.unwrap();
    directory.methods.iter().map(proto::SupportedMethod::category).collect()
}

#[tokio::test]
async fn a_product_is_listed_with_the_methods_that_its_policy_offers() {
    tell("products/directory", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        admin.quiet().product("kasa").await;
        server.transcript.note("a product that says nothing of itself");
        assert_eq!(categories(&manager).await, [Category::Totp]);

        admin.ok(directory(&admin, entry(&server)).await).await;
        server.clock.advance(Span::days(40));
        assert_eq!(categories(&manager).await, [Category::Call, Category::Totp, Category::CustomSoftware]);

        server.transcript.note("the verified address counts, and security keys are allowed");
        let settings = proto::ProductSettings {
            email_is_factor: true,
            allowed_methods: vec![Method::Totp.into(), Method::Webauthn.into()],
            relying_party: Some(proto::RelyingParty {
                id: "kasa.example".into(),
                origins: vec!["https://kasa.example".into()],
                models: vec![],
            }),
            ..Default::default()
        };
        let mut request = changed(&admin, settings, "settings.email_is_factor").await;
        let paths = ["settings.allowed_methods", "settings.relying_party"].map(str::to_owned);
        request.update_mask.as_mut().unwrap().paths.extend(paths);
        admin.quiet().ok(request).await;
        let all = [Category::Call, Category::Email, Category::Totp, Category::U2f, Category::CustomSoftware];
        assert_eq!(categories(&manager).await, all);

        server.transcript.note("what the policy no longer offers is not listed");
        let strict = proto::MethodPolicy {
            rules: vec![rule(Method::Totp, &[], false), rule(Method::Webauthn, &[], false)],
            phishing_resistant_only: true,
            ..Default::default()
        };
        admin.quiet().ok(admin.quiet().policy(strict).await).await;
        assert_eq!(categories(&manager).await, [Category::Call, Category::U2f, Category::CustomSoftware]);
    })
    .await;
}

#[tokio::test]
async fn an_entry_says_nothing_that_the_policy_decides() {
    tell("products/directory_refused", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        admin.quiet().product("kasa").await;
        let tomorrow = Some(timestamp(server.now().plus(Span::days(1))));
        let early = proto::DirectoryEntry { verify_time: tomorrow, ..entry(&server) };
        admin.refused(directory(&admin, early).await).await;
        let declared_methods = [Category::Sms, Category::Totp, Category::Email].map(|one| declared(one, &[]));
        let claims = proto::DirectoryEntry { declared_methods: declared_methods.into(), ..entry(&server) };
        admin.refused(directory(&admin, claims.clone()).await).await;
        let settings = proto::ProductSettings {
            link_url: "https://tapo.example/".into(),
            directory: Some(claims),
            ..Default::default()
        };
        let create = proto::CreateProductRequest {
            key: "tapo".into(),
            title: "Tapo".into(),
            settings: Some(settings),
            ..Default::default()
        };
        admin.refused(create.clone()).await;
        server.transcript.note("an entry is created with its product, and taken away");
        let directory = Some(proto::DirectoryEntry {
            excluded_regions: vec!["US".into()],
            regions: Vec::new(),
            site_categories: vec!["iot".into(), "security".into()],
            ..entry(&server)
        });
        let settings = proto::ProductSettings { directory, ..create.settings.clone().unwrap() };
        let create = proto::CreateProductRequest { key: "kasa-2".into(), settings: Some(settings), ..create };
        admin.ok(create).await;
        admin.quiet().ok(self::directory(&admin, entry(&server)).await).await;
        admin.ok(changed(&admin, proto::ProductSettings::default(), "settings.directory").await).await;
        admin.refused(proto::GetMethodDirectoryRequest { product: "deco".into() }).await;
    })
    .await;
}
