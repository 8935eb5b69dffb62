//! Mail: what all mails look like, and a mail server that we did not write.

use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tidegate_proto as proto;

use crate::{
    folder::Folder,
    owner::{Realm, signed_in},
    program::{Program, Told},
};

/// Starts aiosmtpd; returns its port too.
pub async fn aiosmtpd(folder: &Folder) -> (Program, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("mail.crt", &cert.pem());
    folder.write("mail.key", &signing_key.serialize_pem());
    folder.write("mail.password", "correct horse\n");
    folder.write("wrong.password", "wrong\n");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mail_server.py");
    // Debian's Python, for which the package is installed.
    let told = Told { words: vec![script], ..Told::default() };
    let mut server = Program::start_other("/usr/bin/python3", folder.path(), &told);
    let port = server.prints("PORT ").await.replace("PORT ", "");
    (server, port)
}

pub fn by(port: &str, password_file: &str) -> Vec<String> {
    let settings = [
        ("smtp.host", "localhost"),
        ("smtp.port", port),
        ("smtp.user", "kasa"),
        ("smtp.password_file", password_file),
        ("smtp.ca_file", "mail.crt"),
        ("mail.from", "Kasa <no-reply@kasa.example>"),
    ];
    settings.iter().flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")]).collect()
}

#[tokio::test]
async fn a_test_mail_is_taken_by_a_real_mail_server() {
    let folder = Folder::empty();
    let (mut server, port) = aiosmtpd(&folder).await;
    let test = async |words: &[&str], password: &str| {
        let settings = by(&port, password);
        let settings = settings.iter().map(String::as_str);
        let words: Vec<_> =
            ["mail", "test"].into_iter().chain(words.iter().copied()).chain(settings).collect();
        folder.run(&words).await
    };
    let sent = test(&["--to", "ann@example.com", "--title", "Kasa"], "mail.password").await;
    assert_eq!((sent.code, sent.err.as_str()), (Some(0), ""));
    assert_eq!(sent.out, format!("a test mail to ann@example.com is handed to localhost:{port}\n"));
    let said = server.prints("FROM no-reply@kasa.example TO ann@example.com UTF8 False AS kasa").await;
    assert!(!said.is_empty());
    server.prints("Subject: Test mail of Kasa").await;

    let sent = test(&["--to", "änn@bücher.example", "--language", "de"], "mail.password").await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    server.prints("TO änn@xn--bcher-kva.example UTF8 True AS kasa").await;

    let refused = test(&["--to", "ann@example.com"], "wrong.password").await;
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    let why = "tidegate: the mail was not sent: the mail server: it does not accept this sender\n";
    assert_eq!(refused.err, why);
    let no_address = test(&["--to", "ann"], "mail.password").await;
    assert_eq!(no_address.code, Some(1), "{no_address:?}");
}

#[tokio::test]
async fn the_mails_of_a_running_server_reach_a_real_mail_server() {
    let folder = Folder::empty();
    let (mut mails, port) = aiosmtpd(&folder).await;
    let settings = by(&port, "mail.password");
    let settings: Vec<_> = settings.iter().map(String::as_str).filter(|word| *word != "--set").collect();
    let server = folder.serve(&settings).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let frontend = realm.frontend(&server);
    let session = frontend.sign_in("ann", "phone").await;
    let request = proto::BeginEnrollmentRequest {
        subject: Some(signed_in(&session)),
        method: proto::Method::Totp.into(),
        ..Default::default()
    };
    frontend.client.enrollments().begin_enrollment(request).await.unwrap();
    mails.prints("FROM no-reply@kasa.example TO ann@example.com UTF8 False AS kasa").await;
    mails.prints("Subject: Confirm two-step verification for Kasa").await;
}

#[tokio::test]
async fn every_mail_can_be_looked_at() {
    let folder = Folder::empty();
    for language in ["en", "de"] {
        let words = ["mail", "preview", "--output", language, "--language", language, "--color", "#ffcc00"];
        let ended = folder.run(&words).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        assert_eq!(ended.out, format!("33 mails and 3 text messages are written to {language}\n"));
        let names: Vec<_> = std::fs::read_dir(folder.file(language)).unwrap().collect();
        assert_eq!(names.len(), 69);
        let html = folder.read(&format!("{language}/sign_in_code.html"));
        assert!(
            html.contains("1234 5678") && html.contains(&format!("<html lang=\"{language}\">")),
            "{html}"
        );
        assert!(html.contains("background: #ffcc00; color: #000000"), "black is readable on yellow");
    }
    assert!(
        folder.read("de/sign_in_code.txt").starts_with("Subject: Ihr Code für die Anmeldung bei Example\n\n")
    );
}

#[tokio::test]
async fn a_product_has_texts_of_its_own_and_a_mistake_is_told() {
    let folder = Folder::empty();
    let own = |name: &str, text: &str| {
        let path = folder.file("templates").join("kasa").join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    own("en/sign_in_code.txt", "Subject: {{ product }}: {{ until }}\n\nHi! Type {{ code }}.\n");
    let preview = async |product: &str| {
        folder.run(&["mail", "preview", "--output", "out", "--product", product, "--title", "Kasa"]).await
    };
    assert_eq!(preview("kasa").await.code, Some(0));
    assert!(folder.read("out/sign_in_code.txt").contains("Hi! Type 1234 5678."));
    assert!(folder.read("out/change_code.txt").contains("to confirm a change"), "the others are built in");
    assert_eq!(preview("tapo").await.code, Some(0));
    assert!(!folder.read("out/sign_in_code.txt").contains("Hi!"), "another product's");
    own("en/sign_in_code.html", "{% extends 'layout.html' %}\n{% block body %}{{ cod }}{% endblock %}");
    let wrong = preview("kasa").await;
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(1), ""));
    let why = "tidegate: a text is wrong: the template en/sign_in_code.html cannot be filled in, line 2: undefined value\n";
    assert_eq!(wrong.err, why);
}
