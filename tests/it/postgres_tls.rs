//! TLS to PostgreSQL: a connection is never less protected than its address says.

use tidegate_store::{Pooler, Settings, Store};
use tidegate_tests::{
    pki::{Authority, Issued},
    postgres::{self, TlsServer},
};

use crate::serving::PATIENT;

async fn start(certificate: Issued) -> TlsServer {
    tokio::task::spawn_blocking(move || TlsServer::start(&certificate)).await.unwrap().unwrap()
}

/// What is wrong with the connection. Empty: nothing.
async fn told(url: String) -> String {
    let settings = Settings { url, connections: 1, timeouts: PATIENT, pooler: Pooler::None };
    Store::open(&settings).await.err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn the_certificate_of_the_server_is_verified_as_the_address_says() {
    let (ours, others) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (file("ours.pem", &ours.pem), file("others.pem", &others.pem));
    let (named, nameless) = (start(ours.server(1)).await, start(ours.server_without_names()).await);
    let none = &"";
    for (server, parameters, says) in [
        (&named, format!("sslmode=verify-full&sslrootcert={right}"), none),
        (
            &named,
            format!("sslmode=verify-full&sslrootcert={wrong}"),
            &"none of the authorities in sslrootcert",
        ),
        (&named, format!("sslmode=require&sslrootcert={wrong}"), &"none of the authorities in sslrootcert"),
        (&named, "sslmode=require".to_owned(), none),
        (&named, "ssl=true".to_owned(), none),
        (&named, format!("sslmode=verify-full&sslrootcert={right}.not"), &"ours.pem.not"),
        (&nameless, format!("sslmode=verify-full&sslrootcert={right}"), &"subjectAltName"),
        (&nameless, format!("sslmode=verify-ca&sslrootcert={right}"), none),
        (&nameless, format!("sslmode=require&sslrootcert={right}"), none),
    ] {
        let told = told(server.url(&parameters)).await;
        assert!(told.contains(says) && told.is_empty() == says.is_empty(), "{parameters}: {told}");
    }
    let clear = told(format!("{}&sslmode=require", postgres::database().await)).await;
    assert!(clear.contains("switch ssl on in the server"), "{clear}");
}
