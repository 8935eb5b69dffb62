//! How long and in which session a proof counts for a change, and that it counts for nothing else.

use proto::ProofOutcome as Outcome;
use tidegate_client::Refused;
use tidegate_core::Span;
use tidegate_proto as proto;

use super::{fresh, proves};
use crate::{
    owner::{Device, Session},
    setting::Kasa,
};

const MICROSECOND: Span = Span::from_micros(1);
const TTL: Span = Span::minutes(5);

async fn introspected(kasa: &Kasa, session: &Session) -> proto::Session {
    let request = proto::IntrospectRequest { session_token: session.token.clone() };
    kasa.frontend.ok(request).await.session.unwrap()
}

fn needs_proof(answer: Result<proto::Decision, Refused>) {
    let refused = answer.unwrap_err();
    assert_eq!((refused.name(), refused.metadata["level"].as_str()), ("FRESH_PROOF_NEEDED", "aal2"));
}

on_both! {
    async fn inv_20_the_proof_of_a_sign_in_counts_five_minutes(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = fresh(&kasa, &owner, "tablet").await;
        server.clock.advance(TTL);
        assert!(!kasa.frontend.disable(&session).await.unwrap().on);
        server.clock.advance(MICROSECOND);
        needs_proof(kasa.frontend.enable(&session).await);
    }

    async fn inv_20_the_proof_of_a_challenge_counts_five_minutes(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        server.clock.advance(TTL);
        assert!(!kasa.frontend.disable(&owner.session).await.unwrap().on);
        assert!(kasa.frontend.enable(&owner.session).await.unwrap().on);
        server.clock.advance(MICROSECOND);
        needs_proof(kasa.frontend.disable(&owner.session).await);
    }

    async fn inv_20_neither_a_password_nor_a_trusted_device_is_a_proof(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let tablet = Device::remembered("tablet");
        kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        server.clock.advance(TTL.minus(Span::seconds(1)));
        let trusted = kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        assert!(trusted.answer.session.as_ref().unwrap().trusted);
        needs_proof(kasa.frontend.disable(&trusted).await);
        needs_proof(kasa.frontend.disable(&owner.session).await);
        proves(&kasa, &owner, &trusted).await;
        kasa.frontend.disable(&trusted).await.unwrap();
        let password = kasa.frontend.sign_in(&owner.person, "kasa", &Device::new("new")).await;
        server.clock.advance(TTL.minus(MICROSECOND));
        needs_proof(kasa.frontend.enable(&password).await);
    }

    async fn inv_20_a_proof_counts_in_its_own_session_only(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        fresh(&kasa, &owner, "tablet").await;
        server.clock.advance(Span::seconds(30));
        let other = fresh(&kasa, &owner, "laptop").await;
        server.clock.advance(TTL);
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        server.clock.advance(MICROSECOND);
        needs_proof(kasa.frontend.disable(&other).await);
    }

    async fn inv_15_a_later_proof_raises_no_level(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let before = introspected(&kasa, &owner.session).await;
        assert_eq!((before.level(), before.proofs.len()), (proto::Level::Aal1, 1));
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        assert_eq!(introspected(&kasa, &owner.session).await, before, "INV-26");
        server.clock.advance(Span::seconds(30));
        let strong = fresh(&kasa, &owner, "tablet").await;
        server.clock.advance(Span::seconds(30));
        let before = introspected(&kasa, &strong).await;
        assert_eq!((before.level(), before.proofs.len()), (proto::Level::Aal2, 2));
        assert_eq!(proves(&kasa, &owner, &strong).await, Outcome::Approved);
        assert_eq!(introspected(&kasa, &strong).await, before);
    }
}
