//! A SQLite file that was overwritten, as by a disk that breaks or a copy into a file in use: calls that need what was there are
//! refused with an incident, none is answered with a yes, and readiness says so until the file is restored.

use std::{fs::File, os::unix::fs::FileExt as _};

use proto::{ProofOutcome as Outcome, SignInState as State};
use tidegate_client::Refused;
use tidegate_proto as proto;
use tonic::Code;

use crate::{
    database::Connection,
    folder::{Engine, Folder},
    owner::{Realm, SignIn, answer_request, begin_request, by_password, heard},
    program::eventually,
    pulse::{ALL, NONE, QUICK, becomes},
    server::Server,
};

const DAMAGED: &str = "the database is damaged";

impl Folder {
    /// Overwrites the file itself.
    fn overwrite(&self, at: u64, length: usize) {
        let file = File::options().write(true).open(self.file("tidegate.db")).unwrap();
        file.write_all_at(&vec![0xa5; length], at).unwrap();
    }

    /// Everything is in the file, and nothing is written as long as the connection is held: pages that are in the log would be
    /// read from there.
    async fn written_out(&self) -> Connection {
        let is_written_out = async || {
            let lock = self.database.holding("BEGIN IMMEDIATE").await;
            if std::fs::metadata(self.file("tidegate.db-wal")).unwrap().len() == 0 {
                return Some(lock);
            }
            drop(lock);
            self.database.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
            None
        };
        eventually("an empty log", is_written_out).await
    }

    /// Overwrites the first page of the table and of each of its indexes.
    async fn overwrite_table(&self, table: &str) {
        let _lock = self.written_out().await;
        let size = self.database.number("PRAGMA page_size").await;
        let roots = format!("FROM sqlite_master WHERE tbl_name = '{table}' AND rootpage > 0");
        let count = self.database.number(&format!("SELECT COUNT(*) {roots}")).await;
        assert!(count > 0, "{table}");
        for skipped in 0..count {
            let root = format!("SELECT rootpage {roots} ORDER BY rootpage LIMIT 1 OFFSET {skipped}");
            let at = (self.database.number(&root).await - 1) * size;
            self.overwrite(at.try_into().unwrap(), size.try_into().unwrap());
        }
    }

    /// Puts the copy in the place of the file, as docs/RESTORE.md says. No server runs.
    fn put_back(&self) {
        for beside in ["tidegate.db-wal", "tidegate.db-shm"] {
            let _ = std::fs::remove_file(self.file(beside));
        }
        std::fs::copy(self.file("copy.db"), self.file("tidegate.db")).unwrap();
    }
}

/// A sign-in that waits for its second step, and another person whose password is tried.
struct Callers {
    realm: Realm,
    half_way: SignIn,
    challenge: String,
}

impl Callers {
    /// A folder with a copy of its database.
    async fn with_copy() -> (Folder, Self) {
        let folder = Folder::installed(Engine::Sqlite).await;
        let server = folder.serve(&[]).await;
        let realm = Realm::set_up(&server, &["ann", "bob"]).await;
        let frontend = realm.frontend(&server);
        frontend.enrolled("ann").await;
        let half_way = frontend.begin("ann", "laptop").await;
        let challenge = frontend.challenge(&half_way).await;
        assert_eq!(folder.run(&["backup", "copy.db"]).await.code, Some(0));
        assert_eq!(server.stopped().await.code, Some(0));
        (folder, Self { realm, half_way, challenge })
    }

    /// Calls that a whole database answers with a no. What met the damage was refused with an incident.
    async fn are_kept_out(&self, server: &Server) -> Vec<Refused> {
        let frontend = self.realm.frontend(server);
        let client = &frontend.client;
        let first_factor = by_password("not the password");
        let wrong = proto::BeginSignInRequest { first_factor, ..begin_request("bob", "tablet") };
        let begun = heard(client.sign_ins().begin_sign_in(wrong).await);
        let code = answer_request(&self.half_way, &self.challenge, "000000");
        let answered = heard(client.challenges().answer_challenge(code).await);
        let completed = match frontend.complete(&self.half_way).await {
            Err(refused) if refused.name() == "SIGN_IN_STATE" => Ok(()),
            completed => completed.map(|session| panic!("{session:?}")),
        };
        let answers = [
            begun.map(|begun| assert_eq!(begun.sign_in.unwrap().state(), State::Denied)),
            answered.map(|answer| assert_eq!(answer.outcome(), Outcome::WrongAnswer)),
            completed,
        ];
        answers.into_iter().filter_map(Result::err).collect()
    }
}

fn are_incidents(met: &[Refused]) {
    assert!(!met.is_empty());
    for refused in met {
        assert_eq!((refused.code, refused.incident.is_some()), (Code::Internal, true), "{refused}");
    }
}

/// Tables by which it is decided who is let in.
const TABLES: [&str; 7] =
    ["accounts", "passwords", "attempts", "sign_ins", "challenges", "factors", "credentials"];

#[tokio::test]
async fn pages_that_are_damaged_while_it_serves_let_nobody_in() {
    let (folder, callers) = Callers::with_copy().await;
    for table in TABLES {
        folder.put_back();
        let server = folder.serve(&[QUICK]).await;
        becomes(&server, 200, "ready", ALL).await;
        folder.overwrite_table(table).await;
        are_incidents(&callers.are_kept_out(&server).await);
        becomes(&server, 503, DAMAGED, NONE).await;
        let ended = server.stopped().await;
        assert!(ended.err.contains("not ready: the database is damaged"), "{table}: {}", ended.err);
    }
}

/// The start reads little. What is damaged is found by the first call that needs it, and a restore is the way back.
#[tokio::test]
async fn a_file_that_was_damaged_while_it_stood_is_served_again_when_it_is_restored() {
    let (folder, callers) = Callers::with_copy().await;
    folder.overwrite_table("accounts").await;
    let server = folder.serve(&[QUICK]).await;
    are_incidents(&callers.are_kept_out(&server).await);
    becomes(&server, 503, DAMAGED, NONE).await;
    drop(server.stopped().await);
    folder.put_back();
    let words = ["restored", "--by", "Ann Lee", "--reason", "a damaged file", "--yes"];
    assert_eq!(folder.run(&words).await.code, Some(0));
    let server = folder.serve(&[QUICK]).await;
    becomes(&server, 200, "ready", ALL).await;
    callers.realm.frontend(&server).sign_in("bob", "tablet").await;
}

/// The head of the file, and the first pages of a table that the start reads.
async fn overwritten(folder: &Folder, what: &str) {
    match what {
        "head" => {
            let _lock = folder.written_out().await;
            folder.overwrite(0, 100);
        }
        table => folder.overwrite_table(table).await,
    }
}

#[tokio::test]
async fn a_file_that_is_overwritten_is_noticed_without_a_call() {
    for what in ["head", "installation"] {
        let folder = Folder::installed(Engine::Sqlite).await;
        let server = folder.serve(&[QUICK]).await;
        becomes(&server, 200, "ready", ALL).await;
        overwritten(&folder, what).await;
        becomes(&server, 503, DAMAGED, NONE).await;
    }
}

#[tokio::test]
async fn a_start_that_meets_damage_is_refused_with_what_to_do() {
    for what in ["head", "installation", "_sqlx_migrations"] {
        let folder = Folder::installed(Engine::Sqlite).await;
        overwritten(&folder, what).await;
        for command in ["serve", "init", "migrate"] {
            let ended = folder.run(&[command]).await;
            let said = ended.err.contains("restore a backup, as docs/RESTORE.md says");
            assert!(ended.code == Some(1) && said, "{what} {command}: {ended:?}");
        }
    }
}
