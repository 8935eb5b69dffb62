//! The certificate of the gRPC port.

use tidegate_tests::pki::Authority;

use super::examined::{Examined, Level, doctor};
use crate::{
    folder::Folder,
    program::{Program, Told},
};

async fn look(folder: &Folder) -> Examined {
    folder.set_mode("server.key", 0o600);
    doctor(folder, &["--set", "tls.cert_file=server.pem", "--set", "tls.key_file=server.key"]).await
}

/// A self-signed certificate by openssl, which counts days from now on. `names`: the option for its names, or empty.
async fn openssl(folder: &Folder, days: &str, names: &str) {
    let script = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.pem \
         -days {days} -subj /CN=localhost {names}"
    );
    let environment = vec![("PATH", "/usr/bin:/bin")];
    let told = Told { words: vec!["-c", &script], environment, ..Told::default() };
    let ended = Program::start_other("/bin/sh", folder.path(), &told).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

const NAMES: &str = "-addext subjectAltName=DNS:localhost";

#[tokio::test]
async fn a_certificate_that_expires_soon_is_found() {
    let folder = Folder::empty();
    openssl(&folder, "60", NAMES).await;
    let examined = look(&folder).await;
    examined.is_well("tls");
    examined.has("tls", Level::Ok, "for localhost; it is self-signed, so clients must trust this very file");
    openssl(&folder, "20", NAMES).await;
    let examined = look(&folder).await;
    let remedy = examined.has("tls", Level::Warning, "within 21 days");
    assert!(remedy.starts_with("renew the certificate"), "{remedy}");
    assert_eq!(examined.code, Some(0));
    openssl(&folder, "2", NAMES).await;
    let examined = look(&folder).await;
    examined.has("tls", Level::Error, "within 3 days");
    assert_eq!(examined.code, Some(1));
}

#[tokio::test]
async fn a_certificate_that_clients_refuse_is_an_error() {
    let (folder, authority) = (Folder::empty(), Authority::new());
    authority.expired_server().write(folder.path());
    look(&folder).await.has("tls", Level::Error, "expired at 2021-01-01T00:00:00Z");
    authority.future_server().write(folder.path());
    look(&folder).await.has("tls", Level::Error, "is valid from 3000-01-01T00:00:00Z on");
    openssl(&folder, "60", "").await;
    look(&folder).await.has("tls", Level::Error, "names no host");
    authority.client("probe", "spiffe://acme/probe").write(folder.path());
    look(&folder).await.has("tls", Level::Error, "is not for servers");
}

#[tokio::test]
async fn a_chain_must_lead_up_from_the_certificate() {
    let (folder, authority) = (Folder::empty(), Authority::new());
    let issued = authority.server(1);
    issued.write(folder.path());
    look(&folder).await.has("tls", Level::Ok, "for localhost, 127.0.0.1; clients must trust the authority");
    folder.write("server.pem", &(issued.certificate.clone() + &authority.pem));
    look(&folder).await.is_well("tls");
    // Another authority of the same name: only its key tells them apart.
    folder.write("server.pem", &(issued.certificate.clone() + &Authority::new().pem));
    let examined = look(&folder).await;
    let what = "an authority of the file has the right name and another key";
    assert!(examined.has("tls", Level::Error, what).contains("the server's first"));
    folder.write("server.pem", &(issued.certificate.clone() + &authority.server(2).certificate));
    look(&folder).await.has("tls", Level::Error, "certificate 2 of the file is not of the authority");
}

#[tokio::test]
async fn files_that_cannot_be_served_are_errors() {
    let (folder, authority) = (Folder::empty(), Authority::new());
    authority.server(1).write(folder.path());
    folder.write("server.key", &authority.server(2).key);
    look(&folder).await.has("tls", Level::Error, "the certificate in server.pem and the key in server.key");
    authority.server(1).write(folder.path());
    folder.write("ca.pem", "nothing");
    let set = ["tls.cert_file=server.pem", "tls.key_file=server.key", "tls.client_ca_file=ca.pem"];
    let set: Vec<_> = set.iter().flat_map(|setting| ["--set", setting]).collect();
    doctor(&folder, &set).await.has("tls", Level::Error, "ca.pem holds no certificate in PEM");
}
