//! `tidegate credential recover`: an operator's credential when all are lost.

use tidegate_proto as proto;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::heard,
};

const RECOVER: [&str; 6] =
    ["credential", "recover", "--holder", "Ann Lee", "--reason", "the laptop was lost"];

on_both_engines! {
    the_recovered_credential_opens_the_installation,
    nothing_is_made_without_the_right_key_or_realm,
}

/// The name of the file that it made.
fn made(folder: &Folder) -> String {
    let mut names = folder.names().into_iter().filter(|name| name.starts_with("operator-"));
    let name = names.next().unwrap();
    assert_eq!(names.next(), None);
    name
}

async fn the_recovered_credential_opens_the_installation(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let lost = folder.read("operator.credential");
    let recovered = folder.run(&RECOVER).await;
    assert_eq!(recovered.code, Some(0), "{recovered:?}");
    let name = made(&folder);
    let token = folder.read(&name);
    assert_eq!(folder.mode(&name), 0o600);
    assert!(recovered.out.contains(&name), "{}", recovered.out);
    assert!(
        recovered.err.contains("WARN") && recovered.err.contains("the laptop was lost"),
        "{}",
        recovered.err
    );
    let secret = token.rsplit_once('_').unwrap().1;
    assert!(!recovered.out.contains(secret) && !recovered.err.contains(secret), "the secret is told");
    assert_eq!(folder.read("operator.credential"), lost, "the first one's file stays");

    let server = folder.serve(&[]).await;
    let operator = server.client(&token);
    let me = heard(operator.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap();
    let me = me.credential.unwrap();
    assert_eq!((me.role(), me.holder.as_str()), (proto::RoleType::Operator, "Ann Lee"));
    assert_eq!((me.created_by.as_str(), me.issuers.len(), me.expire_time), ("worker/recover", 0, None));
    let kinds = vec!["credential_created".to_owned()];
    let filter = Some(proto::EventFilter { kinds, ..Default::default() });
    let request = proto::ListEventsRequest { filter, ..Default::default() };
    let events = heard(operator.audit().list_events(request).await).unwrap().events;
    let event = events.iter().find(|event| event.actor == "worker/recover").unwrap();
    assert!(event.data.contains("the laptop was lost"), "{}", event.data);
    // What was lost is revoked with it.
    let all =
        heard(operator.access().list_credentials(proto::ListCredentialsRequest::default()).await).unwrap();
    let first = all.credentials.iter().find(|one| one.created_by == "worker/init").unwrap();
    let request = proto::RevokeCredentialRequest { credential: first.id.clone(), ..Default::default() };
    heard(operator.access().revoke_credential(request).await).unwrap();
    assert_eq!(server.stopped().await.code, Some(0));
}

async fn nothing_is_made_without_the_right_key_or_realm(engine: Engine) {
    let folder = Folder::installed(engine).await;
    // The log of SQLite comes and goes.
    let names =
        || folder.names().into_iter().filter(|name| !name.starts_with("tidegate.db-")).collect::<Vec<_>>();
    let before = (names(), folder.database.count("credentials").await);
    let nowhere = folder.run(&[&RECOVER[..], &["--set", "bootstrap.realm=nowhere"]].concat()).await;
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(nowhere.err.contains("there is no realm nowhere"), "{}", nowhere.err);
    let taken = folder.run(&[&RECOVER[..], &["--file", "operator.credential"]].concat()).await;
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.err.contains("name another --file"), "{}", taken.err);
    let hidden = folder.run(&["credential", "recover", "--holder", "A\u{202e}nn", "--reason", "lost"]).await;
    assert_eq!(hidden.code, Some(2), "{hidden:?}");
    let key = folder.run(&["key", "new"]).await.out;
    folder.write("other.key", &key);
    let other = folder.run(&[&RECOVER[..], &["--set", "keys.master_file=other.key"]].concat()).await;
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.err.contains("is not the one the database was made with"), "{}", other.err);
    std::fs::remove_file(folder.file("other.key")).unwrap();
    let without = folder.run(&[&RECOVER[..], &["--set", "keys.master_file=no.key"]].concat()).await;
    assert_eq!(without.code, Some(1), "{without:?}");
    assert_eq!((names(), folder.database.count("credentials").await), before);
}

#[tokio::test]
async fn a_sqlite_file_in_use_is_told_with_what_to_do() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let server = folder.serve(&[]).await;
    let refused = folder.run(&RECOVER).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("stop the server first"), "{}", refused.err);
    assert!(!folder.names().iter().any(|name| name.starts_with("operator-")));
    assert_eq!(server.stopped().await.code, Some(0));
    assert_eq!(folder.run(&RECOVER).await.code, Some(0));
}

#[tokio::test]
async fn servers_on_postgres_run_on_and_know_it_at_once() {
    let folder = Folder::installed(Engine::Postgres).await;
    let server = folder.serve(&[]).await;
    let recovered = folder.run(&RECOVER).await;
    assert_eq!(recovered.code, Some(0), "{recovered:?}");
    let operator = server.client(&folder.read(&made(&folder)));
    heard(operator.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap();
    assert_eq!(server.stopped().await.code, Some(0));
}

#[tokio::test]
async fn init_names_it_where_there_is_nothing_left_to_do() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let again = folder.run(&["init"]).await;
    assert!(again.out.contains("tidegate credential recover"), "{}", again.out);
}
