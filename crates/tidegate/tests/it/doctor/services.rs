//! Mail, text messages and push services, on servers that we did not write or that a test scripts.

use std::sync::{Arc, Mutex};

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::examined::{Level, doctor, doctor_told};
use crate::{
    folder::{Engine, Folder},
    mail::{aiosmtpd, by},
    web_push,
};

/// An address of this machine at which nothing listens.
async fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

/// A web server that answers each request by its first line, and notes these lines.
async fn web(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap().to_string(), Arc::<Mutex<Vec<String>>>::default());
    let noted = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (mut stream, mut first, mut length) = (BufReader::new(stream), String::new(), 0);
            stream.read_line(&mut first).await.unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            noted.lock().unwrap().push(first.trim().to_owned());
            let body = answer(&first);
            let (status, body) = body.split_once(' ').unwrap();
            let head =
                format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
        }
    });
    (format!("http://{address}"), asked)
}

#[tokio::test]
async fn a_mail_server_is_asked_and_gets_no_mail() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let (server, port) = aiosmtpd(&folder).await;
    let look = async |password: &str, more: &[&str]| {
        let set = by(&port, password);
        let set: Vec<_> = set.iter().map(String::as_str).chain(more.iter().copied()).collect();
        doctor(&folder, &set).await
    };
    let examined = look("mail.password", &[]).await;
    let what =
        format!("the mail server localhost:{port} answers and accepts the user kasa; no mail was sent");
    examined.has("mail", Level::Ok, &what);

    let examined = look("wrong.password", &[]).await;
    let remedy = examined.has("mail", Level::Error, "it does not accept the user and the password, with 535");
    assert!(remedy.contains("smtp.password_file"), "{remedy}");
    assert_eq!(examined.code, Some(1));
    assert!(!format!("{examined:?}").contains("correct horse"));

    let examined = look("mail.password", &["--set", "smtp.ca_file="]).await;
    let remedy = examined.has("mail", Level::Error, "the encryption failed (invalid peer certificate");
    assert!(remedy.contains("smtp.ca_file"), "{remedy}");
    let examined = look("mail.password", &["--set", "smtp.tls=implicit"]).await;
    examined.has("mail", Level::Error, "the encryption failed");
    let examined = look("absent.password", &[]).await;
    examined.has("mail", Level::Error, "failed to read absent.password");
    assert_eq!(server.so_far().out.lines().count(), 1, "a mail was sent");
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_hangs_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let at = |address: &str| {
        let (host, port) = address.split_once(':').unwrap();
        [format!("smtp.host={host}"), format!("smtp.port={port}"), "smtp.tls=none".to_owned()]
    };
    let look = async |address: &str, timeout: &str| {
        let set = at(address);
        let set = set.iter().flat_map(|setting| ["--set", setting]);
        doctor(&folder, &set.chain(["--timeout", timeout]).collect::<Vec<_>>()).await
    };
    let examined = look(&closed().await, "600").await;
    let remedy = examined.has("mail", Level::Error, "it cannot be connected to (Connection refused");
    assert!(remedy.contains("smtp.port"), "{remedy}");
    examined.has("settings", Level::Warning, "smtp.tls is none");
    // It accepts the connection and says nothing, so the short deadline is always reached.
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let examined = look(&hangs.local_addr().unwrap().to_string(), "1").await;
    examined.has("mail", Level::Error, "the mail server did not answer within 1 s");
}

#[tokio::test]
async fn a_gateway_is_asked_and_gets_no_message() {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.write("sms.secret", "hush");
    folder.set_mode("sms.secret", 0o600);
    let look = async |url: &str, environment: &[(&str, &str)]| {
        let url = format!("sms.url={url}/send?key=hush");
        let set = ["sms.countries=DE", "sms.auth=bearer", "sms.secret_file=sms.secret", &url];
        let set: Vec<_> = set.iter().flat_map(|setting| ["--set", setting]).collect();
        doctor_told(&folder, &set, environment).await
    };
    let (url, asked) = web(|_| "404 ".to_owned()).await;
    let examined = look(&url, &[]).await;
    let at = url.trim_start_matches("http://");
    examined.has("sms", Level::Ok, &format!("the SMS gateway at {at} answers; no message was sent"));
    assert_eq!(*asked.lock().unwrap(), ["HEAD / HTTP/1.1"]);

    let away = format!("http://{}", closed().await);
    let examined = look(&away, &[("HTTPS_PROXY", "http://ada:hush@proxy.example:3128")]).await;
    let remedy = examined.has("sms", Level::Error, "it cannot be connected to");
    assert!(remedy.contains("networkPolicy.egress"), "{remedy}");
    examined.has("proxy", Level::Warning, "HTTPS_PROXY is set, and the program does not use it");
    assert_eq!(examined.code, Some(1));
    assert!(!format!("{examined:?}").contains("hush"), "{examined:#?}");
    let folder = doctor(&folder, &["--set", "sms.folder=texts", "--set", "sms.countries=DE"]).await;
    folder.has("sms", Level::Warning, "no phone gets them");
}

#[tokio::test]
async fn a_proxy_that_nothing_would_use_is_a_note() {
    let folder = Folder::empty();
    let examined = doctor_told(&folder, &[], &[("http_proxy", "http://proxy.example:3128")]).await;
    examined.has("proxy", Level::Ok, "http_proxy is set; the program uses no proxy");
}

#[tokio::test]
async fn the_account_of_firebase_is_tried() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let account = serde_json::json!({
        "project_id": "kasa-1", "private_key_id": "key-1", "private_key": key.serialize_pem(),
        "client_email": "push@kasa-1.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
    });
    folder.write("account.json", &account.to_string());
    folder.set_mode("account.json", 0o600);
    let look = async |url: &str| {
        let (url, token) = (format!("fcm.url={url}"), format!("fcm.token_url={url}/token"));
        doctor(&folder, &["--set", "fcm.account_file=account.json", "--set", &url, "--set", &token]).await
    };
    let granted = r#"200 {"access_token": "hush", "expires_in": 3599, "token_type": "Bearer"}"#;
    let (url, asked) =
        web(move |first| if first.starts_with("POST /token ") { granted } else { "404 " }.to_owned()).await;
    look(&url).await.has("push", Level::Ok, "Firebase Cloud Messaging at 127.0.0.1");
    assert_eq!(*asked.lock().unwrap(), ["HEAD / HTTP/1.1", "POST /token HTTP/1.1"]);
    let revoked = r#"400 {"error": "invalid_grant", "error_description": "hush"}"#;
    let (url, _) =
        web(move |first| if first.starts_with("POST /token ") { revoked } else { "404 " }.to_owned()).await;
    let examined = look(&url).await;
    let remedy = examined.has("push", Level::Error, "invalid_grant");
    assert!(remedy.contains("its key was not revoked"), "{remedy}");
    assert!(!format!("{examined:?}").contains("hush"));
}

#[tokio::test]
async fn a_push_service_that_is_away_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.write("apns.p8", web_push::KEY);
    folder.set_mode("apns.p8", 0o600);
    let url = format!("apns.url=http://{}", closed().await);
    let set = [
        "apns.key_file=apns.p8",
        "apns.key_id=KEY1234567",
        "apns.team_id=TEAM123456",
        "apns.topic=kasa",
        &url,
    ];
    let set: Vec<_> = set.iter().flat_map(|setting| ["--set", setting]).collect();
    let examined = doctor(&folder, &set).await;
    examined.has("push", Level::Error, "the Apple Push Notification service at 127.0.0.1");
    folder.write("apns.p8", "no key");
    let examined = doctor(&folder, &set).await;
    examined.has("push", Level::Error, "the key file apns.p8 cannot be used");
    assert_eq!(examined.code, Some(1));
}
