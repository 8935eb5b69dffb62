//! Who may read the files that hold secrets, and the texts of products.

use super::examined::{Level, doctor};
use crate::folder::{Engine, Folder};

#[tokio::test]
async fn a_file_that_others_may_read_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    doctor(&folder, &[]).await.is_well("files");
    folder.write("smtp.password", "hush");
    folder.set_mode("smtp.password", 0o644);
    folder.set_mode("tidegate.db", 0o604);
    let examined = doctor(&folder, &["--set", "smtp.password_file=smtp.password"]).await;
    let remedy = examined.has(
        "files",
        Level::Error,
        "may read or write smtp.password (smtp.password_file), which holds secrets: its mode is 0644",
    );
    assert!(remedy.contains("`chmod o= smtp.password`"), "{remedy}");
    examined.has(
        "files",
        Level::Error,
        "may read or write tidegate.db (database.url), which holds secrets: its mode is 0604",
    );
    assert_eq!(examined.code, Some(1));
    assert!(!format!("{examined:?}").contains("hush"));
}

#[tokio::test]
async fn a_file_that_the_group_may_read_is_a_note() {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.set_mode("master.key", 0o440);
    let examined = doctor(&folder, &[]).await;
    examined.is_well("files");
    examined.has("files", Level::Ok, "as fsGroup of Kubernetes needs it: master.key (keys.master_file)");
}

#[tokio::test]
async fn a_text_that_cannot_be_filled_in_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let own = folder.file("templates").join("kasa/de");
    std::fs::create_dir_all(&own).unwrap();
    folder.write("templates/kasa/de/sign_in_code.txt", "Subject: {{ product }}\n\nHallo! {{ code }}\n");
    doctor(&folder, &[]).await.has("texts", Level::Ok, "the texts of 1 product");
    folder.write("templates/kasa/de/sign_in_code.txt", "Subject: {{ product }}\n\nHallo! {{ cod }}\n");
    std::fs::create_dir(folder.file("templates").join("Not A Key")).unwrap();
    let examined = doctor(&folder, &[]).await;
    let what = "the texts of kasa in de: the template de/sign_in_code.txt cannot be filled in, line 3";
    let remedy = examined.has("texts", Level::Error, what);
    assert!(remedy.contains("tidegate mail preview --product kasa --language de"), "{remedy}");
    examined.has("texts", Level::Warning, "is named by no key of a product");
    assert_eq!(examined.code, Some(1));
}
