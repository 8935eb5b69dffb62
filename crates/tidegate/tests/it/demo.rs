//! The demo: what it tells, that it leaves nothing behind, and that the calls it prints work.

use std::{collections::BTreeSet, path::Path};

use tidegate_proto as proto;
use tokio::sync::OnceCell;

use crate::{
    owner::heard,
    program::{Ended, Program, Told},
    server::client,
};

/// What the demo prints, in this order. Which accounts chance reaches, and how many, is left out.
const STORY: &[&str] = &[
    "== A server of its own, in a temporary folder",
    "Initialised.",
    "== A realm, two products, credentials of seven roles",
    "realm acme",
    "credentials: admin, frontend, device_app, rollout_manager, two rollout_approvers, support, auditor",
    "product kasa",
    "product tapo",
    "== 5 000 accounts, imported from a file",
    "-> 5 000 created, 0 failed",
    "-> the same file again: 5 000 unchanged",
    "== A rollout in four waves at kasa",
    "-> 'Two-step verification at Kasa', waves: 'first look' 1 %, 'early' 5 %, 'a quarter' 25 %, 'all' 100 %",
    "-> a draft: it reaches no account before its first wave is started",
    "== Before the start",
    "signs in at kasa with the password alone and asks for two-step",
    "-> not yet: the app has nothing to show",
    "== The first wave starts: 'first look', 1 % of all accounts",
    " of 5 000 accounts are reached",
    "  why does u-",
    " get its answer at kasa?",
    "-> two-step has not reached the account at kasa: wave 1 'first look' (1 %), the only wave that the rollout \
     'Two-step verification at Kasa' has started at kasa, does not reach it; wave ",
    " would reach it, and has not started",
    "- two-step has not acted for the account at kasa so far\n",
    "- two-step has not been shown to the account at kasa so far\n",
    "- no account is on the list of accounts that are left out\n",
    "- the rollout 'Two-step verification at Kasa' is not stopped\n",
    "- no account is kept out to compare with\n",
    "- no account is on the list of accounts that are let in\n",
    "- wave 1 'first look' (1 %): not reached, its position ",
    " of 1 000 000 is beyond the edge 10 000\n",
    "- wave 2 'early' (5 %): not started yet; it would",
    "- wave 4 'all' (100 %): not started yet; it would reach the account: its position ",
    " of 1 000 000 is below the edge 1 000 000\n",
    "is in the wave, and turns two-step on",
    "-> signed in; Tidegate advises the app to show two-step",
    "-> a link was mailed to u…@e….com: a password alone binds no factor",
    "-> the mail has arrived, and its link was opened and confirmed",
    "otpauth://totp/",
    "-> the code of the authenticator app is right; recovery codes, shown once:",
    "-> two-step is on",
    "== A sign-in from a new device",
    "-> the password is right; a second step is asked",
    "-> the code is right: session sess_",
    "of level LEVEL_AAL2",
    "-> the same code again, from another device: refused as replayed",
    "now trusted: nothing is asked",
    "-> the same account at tapo, which the rollout does not name: nothing is asked",
    " loses the phone",
    "-> a recovery code is right, 9 are left: the session re-binds factors, and no product serves it",
    "-> a new app is added, the lost one removed, and 10 new recovery codes are made",
    "-> a sign-in with the new app: a full session again",
    "== Others, meanwhile",
    ", not reached, signs in as before; the app shows nothing new",
    ", reached, is told what is missing: a verified email address",
    "== The next wave starts: 'early', 5 % of all accounts",
    " of 5 000 accounts are reached",
    "-> every account that was reached before still is",
    "== The next wave starts: 'a quarter', 25 % of all accounts",
    " of 5 000 accounts are reached",
    "-> every account that was reached before still is",
    "== The next wave starts: 'all', 100 % of all accounts",
    "-> 5 000 of 5 000 accounts are reached",
    "-> every account that was reached before still is",
    "comes back",
    "-> the wave 'all' reaches it: two-step is available",
    "== Kasa counts verified addresses: codes by mail",
    " typed the mailed code: two-step is on",
    "-> the app is told that the mailbox is all that protects the account",
    "-> a sign-in from a tablet: a code was mailed to u…@e….com, and the session is of level LEVEL_AAL1_EMAIL",
    "== Kasa allows security keys, push prompts, codes on a device and by SMS",
    "-> keys sign for kasa.example, at pages of https://login.kasa.example",
    " signs in by a security key",
    "-> the mailed link was opened, and a key was registered for kasa.example",
    "-> a page of another domain that relays the key's answer is refused; the page of Kasa is not",
    "-> signed in: the session is of level LEVEL_AAL2_PHR",
    "== The same key as a passkey: no address and no password",
    "-> the key names u-",
    "; no second step is asked",
    "-> signed in: the session is of level LEVEL_AAL2_PHR",
    " signs in by a push prompt",
    "-> the session of the passkey enrolls a phone: nothing is mailed",
    "-> the sign-in shows ",
    ", and the person typed it on the phone",
    "-> signed in: the session is of level LEVEL_AAL2\n",
    " signs in by a device code",
    "-> the phone shows a code, and the person typed it at the sign-in",
    "-> signed in: the session is of level LEVEL_AAL1_EMAIL",
    " signs in by a code by SMS",
    "-> a code was sent to +49…78, and verified the number",
    "-> the person typed the code of the message",
    "-> signed in: the session is of level LEVEL_AAL2",
    "-> and is marked as restricted: who takes over the number gets its codes",
    "== Somebody has the password of ",
    "-> a sign-in from a device that the account does not know: a mail tells ",
    "-> the owner opens the page \"this wasn't me\" of that mail, which changes nothing",
    "-> the owner presses the button: the stranger is signed out, and the password counts no more",
    "-> a second mail has a link to set a new password: the owner is in again",
    " loses the phone again, and has no recovery codes at hand",
    "-> support removes what was on the phone, and never sees a code: an access pass was mailed to ",
    "-> password and pass, two channels, give a session that can only set a second step up anew",
    "-> a sign-in with the new app: a full session again",
    "== A second app joins by a wave of its own: 'tapo', 100 % of all accounts",
    "is asked for a second step at tapo too, without enrolling again",
    "== A pause: no wave starts until it is resumed",
    "-> the next wave is refused; every account that is reached stays reached",
    "-> resumed: the next wave could start",
    "== A roll back to the first wave",
    "before the roll back:",
    "-> two-step has reached the account at kasa: the rollout 'Two-step verification at Kasa' first showed it there on ",
    "- two-step was first shown here on ",
    // Which wave it was depends on the account's position, which is random.
    " UTC after wave ",
    " %) had reached the account: it stays, unless it is rolled back <- this decides\n",
    "-> rolled back, because codes arrive late: only wave 1 'first look' is left",
    "-> two-step has not reached the account at kasa: wave 1 'first look' (1 %), the only wave that the rollout ",
    "- two-step was first shown here on ",
    ", but it was rolled back since and no longer counts\n",
    "- wave 4 'all' (100 %): rolled back; started again, it would reach the account: its position ",
    "- wave 5 'tapo' (100 %): for tapo, not for kasa\n",
    "is back to not yet",
    "-> two-step has reached the account at kasa: it has acted there since ",
    "- two-step has acted here since ",
    " UTC: it stays, whatever the waves do <- this decides\n",
    ", who enrolled, is asked as before at kasa and at tapo",
    "== A stop, and two persons who clear it",
    "-> the next wave is refused, and no further account is reached",
    "-> two-step has not reached the account at kasa: the rollout 'Two-step verification at Kasa' was stopped on ",
    "- the rollout 'Two-step verification at Kasa' was stopped on ",
    "('sign-ins fail'): it reaches no further account until two persons clear the stop <- this decides\n",
    "-> Ann clears it: it stays on, and she cannot be the second person as well",
    "-> Bob agrees: it is cleared, and waves can start again",
    "== The record",
    "two_step_switched_on at kasa",
    "-> the record has ",
    "-> the chain holds: ",
];

/// One run of `demo --keep`, ended after the calls that it prints were made.
struct Kept {
    ended: Ended,
    /// Each call as printed, and what came of it.
    calls: Vec<(String, Result<(), String>)>,
    left_behind: BTreeSet<String>,
}

#[tokio::test]
async fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let ended = start(temporary.path(), &["demo"]).ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.transcript());
    let rest = story(&ended.out);
    assert!(rest.contains("== That was the main job"), "{rest}");
    assert_eq!(ended.err, "");
    assert_eq!(names(temporary.path()), BTreeSet::new());
}

#[tokio::test]
async fn the_calls_that_a_kept_demo_prints_work_as_printed() {
    let kept = kept().await;
    let methods: Vec<_> = kept.calls.iter().map(|(line, _)| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(
        methods,
        [
            "tidegate.v1.AccessService/WhoAmI",
            "tidegate.v1.EvaluationService/Evaluate",
            "tidegate.v1.AuditService/ListEvents"
        ]
    );
    for (line, done) in &kept.calls {
        assert_eq!(done, &Ok(()), "{line}");
    }
}

#[tokio::test]
async fn sigterm_ends_a_kept_demo_and_removes_its_folder() {
    let kept = kept().await;
    assert_eq!((kept.ended.code, kept.ended.err.as_str()), (Some(0), ""), "{}", kept.ended.transcript());
    assert!(story(&kept.ended.out).contains("== The server goes on"));
    assert_eq!(kept.left_behind, BTreeSet::new());
}

/// The folder holds the master key and credentials.
#[tokio::test]
async fn a_signal_in_the_middle_of_the_story_stops_the_server_and_removes_the_folder() {
    for (moment, signal, code) in [
        ("== A server of its own", "INT", 130),
        ("== 5 000 accounts, imported", "INT", 130),
        ("== A server of its own", "TERM", 143),
        ("== 5 000 accounts, imported", "TERM", 143),
    ] {
        let temporary = tempfile::tempdir().unwrap();
        let mut program = start(temporary.path(), &["demo"]);
        program.prints(moment).await;
        assert_eq!(names(temporary.path()).len(), 1, "{moment}");
        program.signal(signal);
        let ended = program.ended().await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(code), ""), "{}", ended.transcript());
        let last = format!("== SIG{signal}: the server was stopped, and its folder removed\n");
        assert!(ended.out.ends_with(&last), "{}", ended.out);
        assert_eq!(names(temporary.path()), BTreeSet::new(), "{moment}: SIG{signal}");
    }
}

async fn kept() -> &'static Kept {
    static KEPT: OnceCell<Kept> = OnceCell::const_new();
    KEPT.get_or_init(keep).await
}

async fn keep() -> Kept {
    let temporary = tempfile::tempdir().unwrap();
    let mut program = start(temporary.path(), &["demo", "--keep"]);
    program.prints("Ctrl-C ends it").await;
    let mut calls = Vec::new();
    for line in program.so_far().out.lines().filter(|line| line.contains("grpcurl")) {
        calls.push((line.to_owned(), call(line).await));
    }
    program.signal("TERM");
    let ended = program.ended().await;
    Kept { ended, calls, left_behind: names(temporary.path()) }
}

fn start(temporary: &Path, words: &[&str]) -> Program {
    let environment = vec![("TMPDIR", temporary.to_str().unwrap())];
    Program::start(temporary, &Told { words: words.to_vec(), environment, input: "" })
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Checks that the output tells the story in order, and returns what follows it.
fn story(out: &str) -> &str {
    STORY.iter().fold(out, |rest, fact| match rest.split_once(fact) {
        Some((_, rest)) => rest,
        None => panic!("{fact:?} is not told after what comes before it:\n{out}"),
    })
}

/// Makes the call of a printed line: `… $(cat FILE)" [-d 'BODY'] ADDRESS METHOD`.
async fn call(line: &str) -> Result<(), String> {
    let (_, rest) =
        line.split_once("grpcurl -plaintext -H \"authorization: Bearer $(cat ").ok_or("no file")?;
    let (file, rest) = rest.split_once(")\" ").ok_or("no end of the file")?;
    let (body, rest) = match rest.strip_prefix("-d '") {
        Some(rest) => rest.split_once("' ").ok_or("no end of the body")?,
        None => ("{}", rest),
    };
    let (address, method) = rest.split_once(' ').ok_or("no address")?;
    let credential = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let body: serde_json::Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let client = client(&format!("http://{address}"), &credential);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let refused = |refused: tidegate_client::Refused| refused.to_string();
    let sound = match method {
        "tidegate.v1.AccessService/WhoAmI" => {
            let answer = heard(client.access().who_am_i(proto::WhoAmIRequest {}).await).map_err(refused)?;
            answer.realm == "acme"
        }
        "tidegate.v1.EvaluationService/Evaluate" => {
            let request = proto::EvaluateRequest { product: text("product"), account: text("account") };
            let answer = heard(client.evaluations().evaluate(request).await).map_err(refused)?;
            answer.decision.is_some_and(|decision| decision.rollout == "kasa-two-step")
        }
        "tidegate.v1.AuditService/ListEvents" => {
            let page_size = i32::try_from(body["page_size"].as_i64().unwrap_or(0)).unwrap();
            let request = proto::ListEventsRequest { page_size, ..Default::default() };
            let answer = heard(client.audit().list_events(request).await).map_err(refused)?;
            answer.events.len() == 5
        }
        other => return Err(format!("unknown method {other}")),
    };
    if sound { Ok(()) } else { Err("an unexpected answer".to_owned()) }
}
