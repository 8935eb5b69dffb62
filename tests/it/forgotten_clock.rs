//! The clock that decides was ahead, and is right again: what it locked is open after `forget-clock`, and what it had called
//! expired, or had made, is over (INV-54).

use std::collections::BTreeSet;

use proto::ProofOutcome as Outcome;
use tidegate_core::{Clock as _, Span};
use tidegate_proto as proto;
use tidegate_service::installation::{Met, forget_clock};
use tidegate_store::installation;

use crate::{
    expiries::Walk,
    owner::Device,
    raw,
    restores::PASSKEY_REQUEST,
    setting::{Kasa, Owner, wrong},
    support::issue_pass,
    test_server::TestServer,
};

pub const AHEAD: Span = Span::hours(3);

/// What the program does in `forget-clock`, with the clock as it is now. The wrong clock had been stored.
pub async fn forget(server: &TestServer) -> Met {
    forget_from(server, AHEAD).await
}

/// The same after a clock that was so far ahead.
async fn forget_from(server: &TestServer, ahead: Span) -> Met {
    let (wrong, now) = (server.clock.now(), server.clock.now().minus(ahead));
    server.clock.set(now);
    let mut installation = installation::find(&mut server.store.across("test")).await.unwrap().unwrap();
    installation.clock_floor = wrong;
    forget_clock(&server.store, &*server.entropy, &installation, now).await.unwrap()
}

async fn signs_in(kasa: &Kasa, owner: &Owner, device: &str) -> Outcome {
    let (begun, challenge) = kasa.asked(owner, device).await;
    let outcome = kasa.frontend.answer(&begun, &challenge, &kasa.code(owner)).await.outcome();
    let cancel = proto::CancelSignInRequest { subject: begun.subject(), ..Default::default() };
    if outcome != Outcome::Approved {
        kasa.frontend.ok(cancel).await;
    }
    outcome
}

/// What is valid until an instant, or keeps others waiting until it.
const UNTIL: [(&str, &str); 16] = [
    ("links.expires_at", ""),
    ("enrollments.expires_at", ""),
    ("sign_ins.expires_at", ""),
    ("sessions.expires_at", "ended_at IS NULL AND"),
    ("sessions.refresh_until", "ended_at IS NULL AND"),
    ("sessions.last_used_at", "ended_at IS NULL AND"),
    ("devices.trusted_until", ""),
    ("challenges.expires_at", ""),
    ("passkey_requests.expires_at", ""),
    ("recoveries.expires_at", ""),
    ("recovery_codes.expires_at", ""),
    ("requests.lease_until", "outcome IS NULL AND"),
    ("leases.until", ""),
    ("attempts.last_at", ""),
    ("sends.last_at", ""),
    ("deliveries.next_try_at", "state = 'queued' AND"),
];

/// The columns of these that are later than the clock shows.
async fn ahead(server: &TestServer) -> BTreeSet<&'static str> {
    // PostgreSQL makes an instant of a number that is not exact.
    let later = server.now().plus(Span::from_micros(10)).unix_micros();
    let now = if server.is_sqlite() { later.to_string() } else { format!("to_timestamp({later} / 1e6)") };
    let mut found = BTreeSet::new();
    for (name, condition) in UNTIL {
        let (table, column) = name.split_once('.').unwrap();
        let sql = format!("SELECT count(*) FROM {table} WHERE {condition} {column} > {now}");
        if raw::count(server, &sql).await > 0 {
            found.insert(name);
        }
    }
    found
}

/// Two owners have everything that can be issued.
async fn issued(server: &TestServer) -> Walk {
    let walk = Walk::begin(server).await;
    let kasa = &walk.kasa;
    kasa.admin.refreshing("kasa", Span::days(30)).await;
    server.clock.advance(Span::seconds(30));
    let (person, seed) = (&walk.ann.person, &walk.ann.enrolled.seed);
    kasa.frontend.sign_in_with(person, "kasa", &Device::remembered("trusted"), seed).await;
    kasa.support().await.ok(issue_pass("ann")).await;
    raw::change(server, PASSKEY_REQUEST).await;
    raw::change(server, "UPDATE passkey_requests SET expires_at = (SELECT max(expires_at) FROM sign_ins)")
        .await;
    let (product, identifier) = ("kasa".to_owned(), kasa.admin.person("erin").await.email);
    kasa.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
    walk
}

on_both! {
    /// What was issued by the right clock is over where the wrong one has called it expired.
    async fn inv_54_everything_that_the_wrong_clock_called_expired_stays_so(server) {
        let walk = Box::pin(issued(&server)).await;
        let valid = ahead(&server).await;
        for what in UNTIL.iter().map(|(what, _)| *what).filter(|what| what.ends_with("_until") || what.ends_with("expires_at")) {
            assert!(valid.contains(what) || what == "requests.lease_until", "{what}: {valid:?}");
        }
        let far = Span::days(400);
        server.clock.advance(far);
        forget_from(&server, far).await;
        assert_eq!(ahead(&server).await, BTreeSet::new());
        assert!(!walk.kasa.is_active(&walk.session).await);
    }

    /// What was issued by the wrong clock is over too: its time would be as long as the clock was ahead, and more.
    async fn inv_54_everything_that_was_issued_ahead_is_over(server) {
        server.clock.advance(AHEAD);
        let walk = Box::pin(issued(&server)).await;
        let kasa = &walk.kasa;
        let under_way = proto::BeginSignInRequest {
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            ..kasa.frontend.begin_request(&walk.ann.person, "kasa", &Device::new("repeats"))
        };
        kasa.frontend.ok(under_way.clone()).await;
        // Its process has died before it stored an outcome.
        raw::change(&server, "UPDATE requests SET outcome = NULL, secrets = NULL WHERE method = 'begin_sign_in'").await;
        server.seal().await;
        let bob = kasa.admin.person("dave").await;
        let waiting = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        kasa.frontend.begin_enrollment(&waiting).await;
        server.clock.advance(Span::seconds(1));
        let replica = server.replica().await;
        let since = Span::from_micros(AHEAD.micros() + Span::seconds(31).micros());
        forget_from(&server, since).await;
        // An access pass, alone, says nothing about when it was made.
        assert_eq!(ahead(&server).await, BTreeSet::from(["recovery_codes.expires_at"]));
        assert!(!kasa.is_active(&walk.session).await);
        // Nobody waits for what the wrong clock has left.
        kasa.frontend.at(replica.channel.clone()).ok(under_way).await;
        assert_eq!(server.mails_to(&bob.email).await.len(), 1);
        replica.sealer.seal().await.unwrap();
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events WHERE sequence IS NULL").await, 0);
    }

    async fn inv_54_a_factor_that_was_used_ahead_can_be_used_again(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.clock.advance(AHEAD);
        assert_eq!(signs_in(&kasa, &owner, "tablet").await, Outcome::Approved);
        let (begun, challenge) = kasa.asked(&owner, "strange").await;
        for _ in 0..3 {
            kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
        }
        let met = forget(&server).await;
        let left = met.values().next().unwrap();
        assert_eq!(left.accounts.len(), 1);
        for what in ["authenticator apps", "budgets of guesses", "sign-ins"] {
            assert!(left.counts.iter().any(|(met, _)| *met == what), "{what}: {left:?}");
        }
        // The steps around now may have been used by the right clock.
        server.clock.advance(Span::minutes(1));
        assert_eq!(signs_in(&kasa, &owner, "laptop").await, Outcome::Approved);
        let marks = "SELECT count(*) FROM factors WHERE method = 'totp' AND mark > ";
        let step = server.clock.now().unix_seconds() / 30 + 1;
        assert_eq!(raw::count(&server, &format!("{marks}{step}")).await, 0);
        let event = "SELECT count(*) FROM events WHERE fact LIKE '%clock_forgotten%'";
        assert_eq!(raw::count(&server, event).await, 1);
    }

    async fn inv_54_what_the_wrong_clock_called_expired_stays_so(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, _) = kasa.asked(&owner, "tablet").await;
        let link = kasa.reset_link(&owner.person).await;
        server.clock.advance(AHEAD);
        let refused = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap_err();
        assert_eq!(refused.name(), "SUBJECT_NOT_VALID");
        assert_eq!(kasa.reset(&link).await, Outcome::Expired);
        let made = kasa.asked(&owner, "made-ahead").await.0;
        forget(&server).await;
        for sign_in in [&begun, &made] {
            let refused = kasa.frontend.finish(sign_in, &Device::new("tablet")).await.unwrap_err();
            assert_eq!(refused.name(), "SUBJECT_NOT_VALID");
        }
        assert_eq!(kasa.reset(&link).await, Outcome::Expired);
    }

    /// A budget of mails that was used ahead keeps nobody waiting for hours, and forgets no send.
    async fn mails_that_were_sent_ahead_count_from_now(server) {
        let kasa = Kasa::open(&server).await;
        let bob = kasa.admin.person("bob").await;
        server.clock.advance(AHEAD);
        kasa.reset_link(&bob).await;
        let met = forget(&server).await;
        let left = met.values().next().unwrap();
        assert!(left.counts.iter().any(|(met, _)| *met == "budgets of messages"), "{left:?}");
        for sent in [1, 2] {
            assert_eq!(server.mails_to(&bob.email).await.len(), sent);
            server.clock.advance(Span::minutes(15));
            kasa.reset_link(&bob).await;
        }
    }
}
