//! The clock that decides was ahead, and is right again: what it locked is open after `forget-clock`, and what it had called
//! expired, or had made, is over (INV-54).

use proto::ProofOutcome as Outcome;
use tidegate_core::{Clock as _, Span};
use tidegate_proto as proto;
use tidegate_service::installation::{Met, forget_clock};
use tidegate_store::installation;

use crate::{
    owner::Device,
    raw,
    setting::{Kasa, Owner, wrong},
    test_server::TestServer,
};

pub const AHEAD: Span = Span::hours(3);

/// What the program does in `forget-clock`, with the clock as it is now. The wrong clock had been stored.
pub async fn forget(server: &TestServer) -> Met {
    let (wrong, now) = (server.clock.now(), server.clock.now().minus(AHEAD));
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

on_both! {
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
