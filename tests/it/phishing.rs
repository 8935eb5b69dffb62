//! A product that counts only methods that resist phishing: nothing else opens a full session there.

use proto::{Method, ProofOutcome as Outcome, SignInState};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{devices::asks, method_policy::rule, owner::Device, setting::Kasa, webauthn::ORIGIN};

on_both! {
    async fn inv_18_where_only_keys_count_nothing_else_makes_a_session(server) {
        let kasa = Kasa::with_keys(&server).await;
        let (ann, mut owner) = (&kasa.frontend, kasa.key_owner("ann").await);
        let (begun, challenge, options) = kasa.asked_for_key(&owner).await;
        ann.signs_in(&begun, &challenge, &owner.key.signs(&options, ORIGIN)).await;
        let session = ann.finish(&begun, &Device::new("tablet")).await.unwrap();
        let (app, seed) = ann.add(&session, "app").await;
        server.clock.advance(Span::seconds(30));
        let laptop = Device::remembered("laptop");
        let begun = ann.begin(&owner.person, "kasa", &laptop).await;
        let challenge = ann.challenge_of(&begun, &app).await;
        ann.answer(&begun, &challenge, &server.code(&seed)).await;
        ann.finish(&begun, &laptop).await.unwrap();
        assert_eq!(ann.begin(&owner.person, "kasa", &laptop).await.state, SignInState::Ready, "trusted");
        server.clock.advance(Span::seconds(30));
        let ready = ann.begin(&owner.person, "kasa", &Device::new("other")).await;
        let challenge = ann.challenge_of(&ready, &app).await;
        assert_eq!(ann.answer(&ready, &challenge, &server.code(&seed)).await.outcome(), Outcome::Approved);
        let strict = proto::MethodPolicy {
            rules: vec![rule(Method::Webauthn, &[], false), rule(Method::Totp, &[], false)],
            phishing_resistant_only: true,
            ..Default::default()
        };
        kasa.admin.ok(kasa.admin.policy(strict).await).await;
        let complete = proto::CompleteSignInRequest { subject: ready.subject(), ..Default::default() };
        let held = ann.ok(complete).await;
        assert_eq!((held.sign_in.unwrap().state(), held.session), (SignInState::PendingChallenge, None), "it counts no more");
        let begun = ann.begin(&owner.person, "kasa", &laptop).await;
        assert_eq!(begun.state, SignInState::PendingChallenge, "trust began with a code");
        let offered: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(offered, [Method::Webauthn, Method::RecoveryCodes]);
        let refused = ann.refused(asks(&begun, &app)).await;
        assert_eq!(refused.name(), "FACTOR_NOT_FOUND");
        let challenge = ann.challenge_of(&begun, &begun.offers[1].factor_id).await;
        assert_eq!(ann.answer(&begun, &challenge, &owner.recovery_codes[0]).await.outcome(), Outcome::Approved);
        let recovered = ann.finish(&begun, &laptop).await.unwrap();
        assert_eq!(recovered.answer.session.unwrap().level(), proto::Level::Recovery);
        let known = ann.ok(proto::IntrospectRequest { session_token: recovered.token }).await;
        assert!(!known.active, "it recovers, and opens nothing");
    }
}
