//! One program at a time serves a SQLite file, however the last one ended.

use tidegate_proto as proto;

use crate::{folder::Folder, owner::heard};

#[tokio::test]
async fn a_second_serve_on_one_file_is_refused_until_the_first_ends() {
    let folder = Folder::empty();
    let first = folder.serve(&[]).await;
    for command in ["serve", "init", "migrate"] {
        let second = folder.run(&[command]).await;
        assert_eq!(second.code, Some(1), "{command}: {second:?}");
        let why = "another program is using";
        assert!(second.err.contains(why) && second.err.contains("tidegate.db"), "{command}: {}", second.err);
    }
    assert_eq!(first.page("/readyz").await.0, 200);
    assert_eq!(first.stopped().await.code, Some(0));
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

#[tokio::test]
async fn serve_starts_again_after_a_kill_and_has_its_data() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let request = proto::CreateProductRequest {
        key: "kasa".into(),
        title: "Kasa".into(),
        settings: Some(proto::ProductSettings {
            link_url: "https://kasa.example/confirm".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = heard(server.operator().products().create_product(request).await).unwrap();
    assert_eq!(server.killed().await.code, None);

    let server = folder.serve(&[]).await;
    let request = proto::GetProductRequest { product: "kasa".into() };
    let found = heard(server.operator().products().get_product(request).await).unwrap();
    assert_eq!(found.product, created.product);
}

#[tokio::test]
async fn a_second_serve_by_another_path_is_refused() {
    let folder = Folder::empty();
    let _first = folder.serve(&[]).await;
    std::os::unix::fs::symlink("tidegate.db", folder.file("alias.db")).unwrap();
    for url in ["sqlite:alias.db", "sqlite:./tidegate.db", "sqlite://tidegate.db"] {
        let second = folder.run(&["serve", "--set", &format!("database.url={url}")]).await;
        assert_eq!(second.code, Some(1), "{url}: {second:?}");
        assert!(second.err.contains("another program is using"), "{url}: {}", second.err);
    }
}
