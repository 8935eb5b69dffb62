//! `tidegate directory export` prints products in the entry form of the 2factorauth directory.

use expect_test::expect;
use tidegate_client::Client;
use tidegate_proto::{self as proto, MethodCategory as Category};

use crate::{
    folder::{Engine, Folder, on_both_engines},
    program::Ended,
    server::Server,
};

on_both_engines! {
    products_are_exported_sorted_by_title,
}

async fn products_are_exported_sorted_by_title(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[]).await;
    let operator = server.operator();
    create(&operator, "tapo", "Tapo", None).await;
    create(&operator, "a-web", "Web", Some(domain("web.example"))).await;
    create(&operator, "kasa", "Kasa", Some(entry())).await;
    let all = export(&folder, &server, &[]).await;
    expect![[r#"
        stdout:
        {
          "Kasa": {
            "domain": "kasa.example",
            "tfa": [
              "call",
              "totp",
              "custom-software",
              "custom-hardware"
            ],
            "custom-software": [
              "Kasa Guard"
            ],
            "custom-hardware": [
              "Kasa Fob"
            ],
            "documentation": "https://kasa.example/help",
            "recovery": "https://kasa.example/lost",
            "categories": [
              "iot",
              "security"
            ],
            "regions": [
              "-us"
            ]
          },
          "Web": {
            "domain": "web.example",
            "tfa": [
              "totp"
            ],
            "categories": [
              "iot"
            ]
          }
        }

        stderr:
        a-web: never verified; Web, web.example, CC BY-SA
        kasa: verified 2026-03-01; Kasa security team, kasa.example, CC BY-SA
        left out: tapo names no domain: set settings.directory of the product

        exit code: Some(0)"#]]
    .assert_eq(&all.transcript());
    let named = export(&folder, &server, &["--product", "kasa", "--product", "a-web"]).await;
    assert_eq!((named.code, named.out), (Some(0), all.out));
}

#[tokio::test]
async fn a_product_that_cannot_be_listed_is_said() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let operator = server.operator();
    create(&operator, "tapo", "Tapo", None).await;
    let ended = export(&folder, &server, &["--product", "tapo"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("tapo names no domain"), "{}", ended.err);
    let ended = export(&folder, &server, &["--product", "deco"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("PRODUCT_NOT_FOUND"), "{}", ended.err);
    for key in ["web-1", "web-2"] {
        create(&operator, key, "Web", Some(domain("web.example"))).await;
    }
    let ended = export(&folder, &server, &[]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("the title of web-2 is that of another product"), "{}", ended.err);
}

fn domain(domain: &str) -> proto::DirectoryEntry {
    proto::DirectoryEntry { domain: domain.into(), ..Default::default() }
}

fn entry() -> proto::DirectoryEntry {
    let declared = |category: Category, names: &[&str]| proto::DeclaredMethod {
        category: category.into(),
        names: names.iter().map(ToString::to_string).collect(),
    };
    let mut entry = proto::DirectoryEntry {
        documentation_url: "https://kasa.example/help".into(),
        recovery_url: "https://kasa.example/lost".into(),
        attribution: "Kasa security team".into(),
        site_categories: vec!["iot".into(), "security".into()],
        excluded_regions: vec!["US".into()],
        declared_methods: vec![
            declared(Category::CustomHardware, &["Kasa Fob"]),
            declared(Category::CustomSoftware, &["Kasa Guard"]),
            declared(Category::Call, &[]),
        ],
        ..domain("kasa.example")
    };
    // 2026-03-01T00:00:00Z.
    entry.verify_time.get_or_insert_default().seconds = 1_772_323_200;
    entry
}

async fn create(operator: &Client, key: &str, title: &str, directory: Option<proto::DirectoryEntry>) {
    let settings = proto::ProductSettings {
        link_url: format!("https://{key}.example/confirm"),
        directory,
        ..Default::default()
    };
    let request = proto::CreateProductRequest {
        key: key.into(),
        title: title.into(),
        settings: Some(settings),
        ..Default::default()
    };
    operator.products().create_product(request).await.unwrap();
}

async fn export(folder: &Folder, server: &Server, words: &[&str]) -> Ended {
    let address = format!("http://{}", server.grpc);
    folder.run(&[&["directory", "export"], words, &["--address", &address]].concat()).await
}
