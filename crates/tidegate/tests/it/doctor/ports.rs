//! The ports that the program listens at.

use tokio::net::TcpListener;

use super::examined::{Level, doctor};
use crate::folder::Folder;

async fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn a_free_port_is_free_afterwards_too() {
    let folder = Folder::empty();
    let (listener, address) = taken().await;
    drop(listener);
    let examined = doctor(&folder, &["--set", &format!("grpc.listen={address}")]).await;
    examined.has("ports", Level::Ok, &format!("grpc.listen {address} is free"));
    folder.serve(&[&format!("grpc.listen={address}")]).await;
}

/// What hangs up at once is no server of this program.
#[tokio::test]
async fn another_program_at_a_port_is_an_error() {
    let folder = Folder::empty();
    let (listener, address) = taken().await;
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let (grpc, admin) = (format!("grpc.listen={address}"), format!("admin.listen={address}"));
    let examined = doctor(&folder, &["--set", &grpc, "--set", &admin]).await;
    for setting in ["grpc.listen", "admin.listen"] {
        let what = format!("another program listens at {setting} {address}");
        assert!(examined.has("ports", Level::Error, &what).contains("ss -ltnp"));
    }
    assert_eq!(examined.code, Some(1));
}

/// 192.0.2.1 is an address for documentation (RFC 5737).
#[tokio::test]
async fn an_address_of_another_machine_is_an_error() {
    let folder = Folder::empty();
    let set = ["--set", "grpc.listen=192.0.2.1:50051", "--set", "grpc.insecure=true"];
    let examined = doctor(&folder, &set).await;
    let remedy = examined.has("ports", Level::Error, "grpc.listen 192.0.2.1:50051 cannot be listened at");
    assert!(remedy.contains("`ip address`"), "{remedy}");
    examined.has("tls", Level::Warning, "credentials cross the network in clear");
}

/// With TLS the doctor has no name to check, so it asks the admin port.
#[tokio::test]
async fn a_server_with_tls_is_found_by_its_admin_port() {
    let folder = Folder::empty();
    tidegate_tests::pki::Authority::new().server(1).write(folder.path());
    folder.set_mode("server.key", 0o600);
    let tls = ["tls.cert_file=server.pem", "tls.key_file=server.key"];
    let server = folder.serve(&tls).await;
    let set = [format!("grpc.listen={}", server.grpc), format!("admin.listen={}", server.admin)];
    let words = ["--set", tls[0], "--set", tls[1], "--set", &set[0], "--set", &set[1]];
    let examined = doctor(&folder, &words).await;
    examined.is_well("ports");
    examined.has("ports", Level::Ok, "its admin port says that it is ready");
}
