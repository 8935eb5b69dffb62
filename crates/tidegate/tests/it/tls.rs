//! TLS as an operator turns it on, and how the commands connect.

use std::os::unix::fs::symlink;

use expect_test::expect;
use tidegate_tests::pki::{Authority, Issued};

use crate::{
    folder::Folder,
    program::{Ended, Program, Told},
    server::Server,
};

const TLS: [&str; 2] = ["tls.cert_file=server.pem", "tls.key_file=server.key"];

/// A folder with a server's certificate, and with the authority's in `ca.pem`.
fn folder(authority: &Authority) -> Folder {
    let folder = Folder::empty();
    authority.server(1).write(folder.path());
    folder.write("ca.pem", &authority.pem);
    folder
}

fn https(server: &Server) -> String {
    format!("https://{}", server.grpc)
}

async fn health(folder: &Folder, address: &str, options: &[&str]) -> Ended {
    let words = [&["health", "--address", address], options].concat();
    Program::start(folder.path(), &Told { words, ..Default::default() }).ended().await
}

#[tokio::test]
async fn serve_says_that_tls_is_on_and_the_commands_connect() {
    let folder = folder(&Authority::new());
    let server = folder.serve(&TLS).await;
    let out = server.program.so_far().out;
    assert!(out.contains("TLS         on; the certificate is valid until "), "{out}");
    assert!(out.contains("grpcurl -cacert server.pem -servername localhost -H"), "{out}");
    let address = https(&server);
    let well = health(&folder, &address, &["--ca-file", "ca.pem"]).await;
    assert_eq!((well.code, well.out.as_str(), well.err.as_str()), (Some(0), "SERVING\n", ""));
    let words = ["events", "verify", "--address", &address, "--ca-file", "ca.pem"];
    let verified = Program::start(folder.path(), &Told { words: words.to_vec(), ..Default::default() });
    assert_eq!(verified.ended().await.code, Some(0));
    let plain = health(&folder, &format!("http://{}", server.grpc), &["--deadline", "5"]).await;
    assert_eq!((plain.code, plain.out.as_str()), (Some(1), ""));
    let other = Authority::new();
    folder.write("other.pem", &other.pem);
    let untrusted = health(&folder, &address, &["--ca-file", "other.pem"]).await;
    assert_eq!(untrusted.code, Some(1));
    assert!(untrusted.err.contains("invalid peer certificate"), "{}", untrusted.err);
    let ended = server.stopped().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("tls=true expires_at="), "{}", ended.err);
    let gone = health(&folder, &address, &["--ca-file", "ca.pem"]).await;
    assert_eq!((gone.code, gone.out.as_str()), (Some(1), ""));
    assert!(gone.err.starts_with("tidegate: failed to reach the server: "), "{}", gone.err);
}

#[tokio::test]
async fn a_required_client_certificate_is_given_by_two_options() {
    let authority = Authority::new();
    let folder = folder(&authority);
    let Issued { certificate, key } = authority.client("probe", "spiffe://acme/probe");
    folder.write("client.pem", &certificate);
    folder.write("client.key", &key);
    let required = ["tls.client_ca_file=ca.pem", "tls.client_certificates=required"];
    let server = folder.serve(&[&TLS[..], &required].concat()).await;
    let address = https(&server);
    let without = health(&folder, &address, &["--ca-file", "ca.pem"]).await;
    assert_eq!((without.code, without.out.as_str()), (Some(1), ""));
    let options = ["--ca-file", "ca.pem", "--client-cert", "client.pem", "--client-key", "client.key"];
    let with = health(&folder, &address, &options).await;
    assert_eq!((with.code, with.out.as_str()), (Some(0), "SERVING\n"), "{}", with.err);
    assert_eq!(server.stopped().await.code, Some(0));
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused_before_anything_is_made() {
    let folder = Folder::empty();
    let mut said = String::new();
    for set in [
        &["grpc.listen=0.0.0.0:0"][..],
        &["tls.cert_file=server.pem"],
        &["tls.client_ca_file=ca.pem"],
        &["tls.client_certificates=required"],
        &["tls.client_identities=CN=a=cred_01234567890123456789012345"],
        &["tls.cert_file=a", "tls.key_file=b", "tls.client_ca_file=c", "tls.client_identities=CN=a"],
        &["grpc.web_origins=*"],
    ] {
        for command in [&["serve"][..], &["config", "check"]] {
            let set = set.iter().flat_map(|setting| ["--set", setting]);
            let ended = folder.run(&command.iter().copied().chain(set).collect::<Vec<_>>()).await;
            assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
            if command == ["serve"] {
                said += &ended.err;
            } else {
                assert!(said.ends_with(&ended.err), "serve says the same: {}", ended.err);
            }
        }
    }
    expect![[r#"
        tidegate: grpc.listen 0.0.0.0:0 can be reached from other machines, and credentials would cross the network in clear: give tls.cert_file and tls.key_file, or set grpc.insecure = true where the network is trusted or a proxy adds TLS
        tidegate: tls.cert_file and tls.key_file belong together: give both, or neither
        tidegate: tls.client_ca_file is given, but TLS is off: give tls.cert_file and tls.key_file too
        tidegate: tls.client_certificates is "required", so tls.client_ca_file must say which are trusted
        tidegate: tls.client_identities is given, so tls.client_ca_file must say which client certificates are trusted
        tidegate: wrong value for tls.client_identities: "CN=a" is not of the form spiffe://…=cred_… or CN=…=cred_…
        tidegate: wrong value for grpc.web_origins: "*" is no origin: https://host or https://host:port, in small letters and without a path
    "#]].assert_eq(&said);
    assert_eq!(folder.names().len(), 0);
    for set in [
        ["grpc.listen=0.0.0.0:0", "grpc.insecure=true"],
        ["grpc.web_origins=https://app.example", "log.level=info"],
    ] {
        let set = set.iter().flat_map(|setting| ["--set", setting]);
        let ended = folder.run(&["config", "check"].into_iter().chain(set).collect::<Vec<_>>()).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "the settings are sound\n"), "{}", ended.err);
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told() {
    let authority = Authority::new();
    let folder = folder(&authority);
    folder.write("server.key", &authority.server(2).key);
    let ended = folder.run(&["serve", "--set", TLS[0], "--set", TLS[1]]).await;
    assert_eq!((ended.code, ended.out.contains("serves gRPC")), (Some(1), false));
    assert!(ended.err.contains("the certificate in server.pem and the key in server.key"), "{}", ended.err);
}

/// As Kubernetes does: the files are below a symbolic link, which is replaced.
#[tokio::test]
async fn a_certificate_is_renewed_while_the_server_runs() {
    let authority = Authority::new();
    let folder = folder(&authority);
    for (name, issued) in [("first", authority.server(1)), ("second", authority.server(2))] {
        std::fs::create_dir(folder.file(name)).unwrap();
        issued.write(&folder.file(name));
    }
    std::fs::create_dir(folder.file("broken")).unwrap();
    authority.server(3).write(&folder.file("broken"));
    folder.write("broken/server.pem", "nothing");
    let replace = |target: &str| {
        symlink(target, folder.file("next")).unwrap();
        std::fs::rename(folder.file("next"), folder.file("live")).unwrap();
    };
    replace("first");
    let mut server = folder.serve(&["tls.cert_file=live/server.pem", "tls.key_file=live/server.key"]).await;
    replace("broken");
    server.program.logs("the new certificate cannot be used, and the old one stays: ").await;
    let address = https(&server);
    assert_eq!(health(&folder, &address, &["--ca-file", "ca.pem"]).await.code, Some(0));
    replace("second");
    let line = server.program.logs("a new certificate is served").await;
    assert!(line.contains("serial=\"02\""), "{line}");
    assert_eq!(health(&folder, &address, &["--ca-file", "ca.pem"]).await.code, Some(0));
    assert_eq!(server.stopped().await.code, Some(0));
}
