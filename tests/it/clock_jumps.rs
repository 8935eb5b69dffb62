//! The authority clock jumps by hours and years, back and forth: what was consumed is never acceptable again, and no call
//! panics (INV-54).

use proto::ProofOutcome as Outcome;
use tidegate_core::{Clock as _, Span};
use tidegate_proto as proto;
use tonic::Code;

use crate::{
    arrange::NEW_PASSWORD,
    not_me::not_me,
    owner::{Device, confirm_email},
    passwords::reset_by,
    setting::{Kasa, wrong},
};

/// Jumps, each from where the clock was before the first.
const JUMPS: [i64; 9] = [-1, -12, -48, -24 * 400, 1, 12, 24 * 31, 24 * 400, 0];

on_both! {
    async fn inv_54_what_was_consumed_stays_so_wherever_the_clock_jumps(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (frontend, person) = (&kasa.frontend, &owner.person);
        let set_up = server.mails_to(&person.email).await[0].token.clone();
        let (approved, challenge) = kasa.asked(&owner, "approved").await;
        let code = kasa.code(&owner);
        assert_eq!(frontend.answer(&approved, &challenge, &code).await.outcome(), Outcome::Approved);
        let done = frontend.finish(&approved, &Device::new("approved")).await.unwrap();
        kasa.change_email(&done, crate::addresses::OTHER).await;
        let changed = server.mail_to(crate::addresses::OTHER).await.token;
        let (recovered, recovery) = kasa.lost(&crate::setting::Owner {
            person: crate::arrange::Person { email: crate::addresses::OTHER.into(), ..person.clone() },
            session: owner.session.clone(),
            enrolled: owner.enrolled.clone(),
        }).await;
        let spent = &owner.enrolled.recovery_codes[0];
        assert_eq!(frontend.answer(&recovered, &recovery, spent).await.outcome(), Outcome::Approved);
        let (subject, keep_own) = (done.subject(), false);
        frontend.ok(proto::RevokeAllSessionsRequest { subject, keep_own, ..Default::default() }).await;
        let bob = kasa.admin.person("bob").await;
        let resets = kasa.reset_link(&bob).await;
        assert_eq!(kasa.reset(&resets).await, Outcome::Approved);

        let start = server.clock.now();
        for hours in JUMPS {
            server.clock.set(start.plus(Span::hours(hours)));
            assert_ne!(frontend.redeem(&set_up).await, Outcome::Approved, "{hours} h: a link");
            assert_ne!(kasa.reset(&resets).await, Outcome::Approved, "{hours} h: a reset");
            let confirm = proto::ConfirmEmailRequest { token: changed.clone(), ..Default::default() };
            let confirmed = frontend.call(confirm).await;
            assert!(confirmed.is_ok_and(|told| told.outcome() != Outcome::Approved), "{hours} h: an address");
            for session in [&owner.session, &done] {
                assert!(!kasa.is_active(session).await, "{hours} h: a session that was ended");
            }
            for (sign_in, device) in [(&approved, "approved"), (&recovered, "recovered")] {
                let refused = frontend.finish(sign_in, &Device::new(device)).await.unwrap_err();
                assert!(["SUBJECT_NOT_VALID", "SIGN_IN_STATE"].contains(&refused.name()), "{hours} h: {refused}");
            }
            let request = proto::AnswerChallengeRequest {
                subject: approved.subject(),
                challenge_id: challenge.clone(),
                answer: crate::owner::by_code(code.clone()),
                ..Default::default()
            };
            let again = frontend.call(request).await;
            assert!(again.is_err_and(|refused| refused.name() == "SUBJECT_NOT_VALID"), "{hours} h: a challenge");
        }
    }

    /// A code that was accepted is worth nothing when its time comes again, and neither is an earlier one.
    async fn inv_54_an_accepted_step_comes_back_with_the_clock_and_is_refused(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        let start = server.clock.now();
        for hours in [12, 0, -12, 0] {
            server.clock.set(start.plus(Span::hours(hours)));
            if hours > 0 {
                continue;
            }
            let (begun, challenge) = kasa.asked(&owner, "laptop").await;
            for code in [code.clone(), kasa.code(&owner)] {
                let told = kasa.frontend.answer(&begun, &challenge, &code).await.outcome();
                assert!(!matches!(told, Outcome::Approved | Outcome::AlreadyApproved), "{hours} h: {told:?}");
            }
            let cancel = proto::CancelSignInRequest { subject: begun.subject(), ..Default::default() };
            kasa.frontend.ok(cancel).await;
        }
    }

    /// Failures are not forgiven by a jump in either direction beyond what the same time would forgive.
    async fn inv_54_a_closed_factor_and_a_replaced_device_token_stay_so(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = Device::remembered("tablet");
        kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let old = tablet.token();
        kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        let closed = "UPDATE attempts SET in_row = 49 WHERE counter_id IN (SELECT factor_id FROM factors WHERE method = 'totp')";
        crate::raw::change(&server, closed).await;
        let (begun, challenge) = kasa.asked(&owner, "strange").await;
        kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
        let start = server.clock.now();
        for hours in JUMPS {
            server.clock.set(start.plus(Span::hours(hours)));
            let device = Device::new("tablet");
            device.keep(&old);
            let begun = kasa.frontend.begin(&owner.person, "kasa", &device).await;
            assert_eq!(begun.state, proto::SignInState::PendingChallenge, "{hours} h");
            let challenge = kasa.frontend.challenge(&begun).await;
            let told = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome();
            assert_eq!(told, Outcome::Closed, "{hours} h");
            let cancel = proto::CancelSignInRequest { subject: begun.subject(), ..Default::default() };
            kasa.frontend.ok(cancel).await;
        }
    }

    async fn inv_54_no_instant_makes_a_call_panic(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let link = kasa.reset_link(&owner.person).await;
        let start = server.clock.now();
        // In 1926, one second after the epoch, in 2126, and back.
        for seconds in [-100 * 365 * 86_400, 1 - start.unix_seconds(), 100 * 365 * 86_400, 0] {
            server.clock.set(start.plus(Span::seconds(seconds)));
            let begun = kasa.frontend.call(kasa.frontend.begin_request(&owner.person, "kasa", &Device::new("tablet"))).await;
            let mut failed: Vec<_> = begun.err().into_iter().collect();
            let introspect = proto::IntrospectRequest { session_token: owner.session.token.clone() };
            failed.extend(kasa.frontend.call(introspect).await.err());
            failed.extend(kasa.frontend.call(reset_by(&link, "short")).await.err());
            failed.extend(kasa.frontend.call(not_me(&link)).await.err());
            failed.extend(kasa.frontend.call(confirm_email(&link, &owner.session)).await.err());
            failed.extend(kasa.admin.call(proto::GetProductRequest { product: "kasa".into() }).await.err());
            assert!(failed.iter().all(|refused| refused.code != Code::Internal), "{seconds} s: {failed:?}");
        }
        assert_eq!(kasa.frontend.ok(reset_by(&link, NEW_PASSWORD)).await.outcome(), Outcome::Approved);
    }
}
