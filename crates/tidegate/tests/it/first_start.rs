//! What the first start makes, and what it says.

use tidegate_client::Client;
use tidegate_proto as proto;
use tonic::{Code, Request, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    database::Database,
    folder::{Engine, Folder, on_both_engines},
    owner::heard,
    program::{Program, Told},
    server::{Server, client},
};

const SECRETS: [&str; 2] = ["master.key", "operator.credential"];

on_both_engines! {
    init_makes_what_serve_needs,
    init_twice_changes_nothing,
    init_stops_at_a_file_that_holds_no_credential_and_makes_nothing,
    init_stores_a_credential_that_exists_already,
    bootstrap_settings_name_the_realm_and_the_file,
}

#[tokio::test]
async fn serve_makes_an_empty_folder_into_an_installation() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    for name in ["tidegate.db", "master.key", "operator.credential"] {
        assert_eq!(folder.mode(name), 0o600, "{name}");
    }
    assert!(folder.file("tidegate.db.lock").exists());
    let ended = server.stopped().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in SECRETS {
        assert!(ended.out.contains(name), "{name} is not named: {}", ended.out);
        for line in folder.read(name).lines().filter(|line| !line.starts_with('#')) {
            assert!(line.len() >= 64, "{name} holds no secret");
            assert!(!ended.out.contains(line) && !ended.err.contains(line), "{name} is told");
        }
    }
}

#[tokio::test]
async fn the_call_that_serve_prints_works_as_printed() {
    let folder = Folder::empty();
    let mut server = folder.serve(&[]).await;
    let line = server.program.prints("grpcurl").await;
    assert!(line.contains("grpcurl -plaintext -H"), "{line}");
    let [_, credential, address, method] = parts(&line).unwrap_or_else(|| panic!("{line}"));
    assert_eq!(method, "tidegate.v1.AccessService/WhoAmI");
    let caller = client(&format!("http://{address}"), &folder.read(credential));
    let me = who_am_i(&caller).await;
    let credential = me.credential.unwrap();
    assert_eq!((credential.role(), me.realm.as_str()), (proto::RoleType::Operator, "main"));
    assert!(credential.all_products);
}

#[tokio::test]
async fn health_asks_for_no_credential() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let mut health = HealthClient::new(server.operator().channel());
    for service in ["", "tidegate.v1.SignInService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    assert_eq!(server.page("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(server.page("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(server.page("/nothing").await.0, 404);
}

#[tokio::test]
async fn reflection_lists_the_services_only_for_callers_with_a_credential() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let services = reflected(&server, &folder.read("operator.credential")).await.unwrap();
    for service in proto::SERVICES.iter().copied().chain(["grpc.health.v1.Health"]) {
        assert!(services.iter().any(|listed| listed == service), "{service} is not in {services:?}");
    }
    for unknown in ["", "tgk_01234567890123456789012345_00"] {
        assert_eq!(reflected(&server, unknown).await.unwrap_err().code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn reflection_is_off_when_told_and_beyond_this_machine() {
    let folder = Folder::empty();
    for setting in ["grpc.reflection=off", "grpc.listen=0.0.0.0:0"] {
        let server = folder.serve(&[setting, "grpc.insecure=true"]).await;
        let refused = reflected(&server, &folder.read("operator.credential")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{setting}");
        let ended = server.stopped().await;
        assert!(ended.out.contains("reflection is off") && !ended.out.contains("grpcurl"), "{}", ended.out);
        // Beyond this machine, credentials travel in clear: the program warns of it.
        assert_eq!(ended.err.contains("without TLS"), setting.contains("0.0.0.0"), "{}", ended.err);
    }
}

async fn init_makes_what_serve_needs(engine: Engine) {
    let folder = Folder::on(engine).await;
    let ended = folder.run(&["init"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in SECRETS {
        assert!(ended.out.contains(name), "{name} is not named: {}", ended.out);
        assert_eq!(folder.mode(name), 0o600, "{name}");
    }
    let server = folder.serve(&[]).await;
    assert_eq!(who_am_i(&server.operator()).await.realm, "main");
    let ended = server.stopped().await;
    assert!(!ended.out.contains("Initialised"), "{}", ended.out);
}

async fn init_twice_changes_nothing(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let before = (SECRETS.map(|name| folder.read(name)), folder.database.contents().await);
    let again = folder.run(&["init"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("nothing was changed"), "{}", again.out);
    assert_eq!((SECRETS.map(|name| folder.read(name)), folder.database.contents().await), before);
}

/// As in Kubernetes, where a secret store makes both files before the first start.
async fn init_stores_a_credential_that_exists_already(engine: Engine) {
    let folder = Folder::on(engine).await;
    let bare = Folder::empty();
    for (command, file) in [("key", "master.key"), ("credential", "operator.credential")] {
        let made = Program::start(bare.path(), &Told { words: vec![command, "new"], ..Told::default() });
        let made = made.ended().await;
        assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
        folder.write(file, &made.out);
    }
    assert_eq!(bare.names().len(), 0, "the commands make no file");
    let before = SECRETS.map(|name| folder.read(name));
    let ended = folder.run(&["init"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(SECRETS.map(|name| folder.read(name)), before);
    let server = folder.serve(&[]).await;
    assert_eq!(who_am_i(&server.operator()).await.realm, "main");
    // Nothing of the files is told, and another credential is refused.
    let other = Program::start(bare.path(), &Told { words: vec!["credential", "new"], ..Told::default() });
    let other = server.client(&other.ended().await.out).access().who_am_i(proto::WhoAmIRequest {}).await;
    assert_eq!(other.unwrap_err().code(), Code::Unauthenticated);
    assert!(!ended.out.contains(before[1].trim()) && !ended.err.contains(before[1].trim()));
}

async fn init_stops_at_a_file_that_holds_no_credential_and_makes_nothing(engine: Engine) {
    let folder = Folder::on(engine).await;
    folder.write("operator.credential", "somebody else's");
    let ended = folder.run(&["init"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("operator.credential exists and holds no credential: move it away"),
        "{}",
        ended.err
    );
    assert_eq!(folder.read("operator.credential"), "somebody else's");
    let names: Vec<_> = folder.names().into_iter().filter(|name| !name.starts_with("tidegate.db")).collect();
    assert_eq!(names, ["operator.credential"]);
    assert_eq!(folder.database.tables().await, [""; 0]);
}

#[tokio::test]
async fn one_of_two_inits_at_once_makes_the_installation() {
    let one = Folder::on(Engine::Postgres).await;
    let Database::Postgres(url) = &one.database else { panic!("another engine") };
    let other = Folder::with(url);
    let (first, second) = tokio::join!(one.run(&["init"]), other.run(&["init"]));
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{first:?} {second:?}");
    let holds = |folder: &Folder| folder.file("operator.credential").exists();
    assert!(holds(&one) != holds(&other), "one credential is one too few or too many");
    let (made, late) = if holds(&one) { (&one, &second) } else { (&other, &first) };
    // The second one ran while the first one did, or after it.
    assert!(late.out.contains("initialised") && !late.out.contains("Initialised."), "{late:?}");
    assert_eq!(one.database.count("credentials").await, 1);
    let server = made.serve(&[]).await;
    assert_eq!(who_am_i(&server.operator()).await.realm, "main");
}

async fn bootstrap_settings_name_the_realm_and_the_file(engine: Engine) {
    let folder = Folder::on(engine).await;
    let init = ["init", "--set", "bootstrap.realm=acme", "--set", "bootstrap.credential_file=first.token"];
    let ended = folder.run(&init).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!((folder.mode("first.token"), folder.file("operator.credential").exists()), (0o600, false));
    let server = folder.serve(&["bootstrap.credential_file=first.token"]).await;
    assert_eq!(who_am_i(&server.client(&folder.read("first.token"))).await.realm, "acme");
}

async fn who_am_i(caller: &Client) -> proto::WhoAmIResponse {
    heard(caller.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap()
}

/// The parts of a printed call: `… "authorization: Bearer $(cat FILE)" ADDRESS METHOD`.
fn parts(line: &str) -> Option<[&str; 4]> {
    let (before, rest) = line.split_once("-H \"authorization: Bearer $(cat ")?;
    let (credential, rest) = rest.split_once(")\" ")?;
    let (address, method) = rest.split_once(' ')?;
    Some([before, credential, address, method])
}

/// The services that reflection lists. An empty credential is not sent.
async fn reflected(server: &Server, credential: &str) -> Result<Vec<String>, Status> {
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let port = server.grpc.port();
    let caller = client(&format!("http://127.0.0.1:{port}"), "nobody");
    let mut request = Request::new(tokio_stream::once(question));
    if !credential.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {credential}").parse().unwrap());
    }
    let answers = ServerReflectionClient::new(caller.channel()).server_reflection_info(request).await?;
    let answer = answers.into_inner().message().await?.unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = answer else { panic!("{answer:?}") };
    Ok(listed.service.into_iter().map(|service| service.name).collect())
}
