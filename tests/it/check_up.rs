//! Some weeks after a second step was set up, its owner is asked to use it once more.

use proto::{Advice, ProofOutcome as Outcome};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, Session},
    raw,
    setting::{Kasa, Owner},
};

const MONTH: Span = Span::days(28);

impl Kasa {
    /// An owner whose phone was trusted when two-step was set up, and is trusted for long.
    async fn with_trusted_phone(&self) -> (Owner, Device) {
        let settings = proto::ProductSettings {
            trusted_device: Some(prost_types::Duration { seconds: 90 * 86_400, nanos: 0 }),
            ..Default::default()
        };
        let request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            settings: Some(settings),
            update_mask: crate::manage::mask("settings.trusted_device"),
            ..Default::default()
        };
        self.admin.ok(request).await;
        let (owner, phone) = (self.owner("ann").await, Device::remembered("phone"));
        self.frontend.sign_in_with(&owner.person, "kasa", &phone, &owner.enrolled.seed).await;
        (owner, phone)
    }

    async fn advised(&self, owner: &Owner, phone: &Device) -> (Session, Advice) {
        let session = self.frontend.sign_in(&owner.person, "kasa", phone).await;
        let advice = session.answer.advice();
        (session, advice)
    }
}

async fn events(kasa: &Kasa, kind: &str) -> i64 {
    raw::count(&kasa.server, &format!("SELECT count(*) FROM events WHERE fact LIKE '%{kind}%'")).await
}

on_both! {
    async fn the_check_up_is_asked_from_the_28th_day_until_the_second_step_was_used(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, phone) = kasa.with_trusted_phone().await;
        server.pass(Span::days(27));
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::Nothing);
        server.pass(Span::days(1));
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::CheckUp);
        let (session, advice) = kasa.advised(&owner, &phone).await;
        assert_eq!((advice, events(&kasa, "check_up_advised").await), (Advice::CheckUp, 1), "counted once");
        let challenge = kasa.frontend.change_challenge(&session, &owner.enrolled.factor).await;
        assert_eq!(kasa.frontend.answer_change(&session, &challenge, &kasa.code(&owner)).await, Outcome::Approved);
        assert_eq!(events(&kasa, "check_up_passed").await, 1);
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::Nothing);
    }

    async fn who_used_the_second_step_at_the_sign_in_is_not_asked(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, phone) = kasa.with_trusted_phone().await;
        server.pass(MONTH);
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::CheckUp);
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("other"), &owner.enrolled.seed).await;
        assert_eq!(session.answer.advice(), Advice::Nothing);
        assert_eq!(events(&kasa, "check_up_passed").await, 1);
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::Nothing);
    }

    async fn inv_20_who_cannot_use_it_sets_another_one_up_by_the_mailbox_and_only_then(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, phone) = kasa.with_trusted_phone().await;
        server.pass(Span::days(20));
        let (early, _) = kasa.advised(&owner, &phone).await;
        let request = |session: &Session| proto::BeginEnrollmentRequest {
            subject: session.subject(), method: proto::Method::Totp.into(), ..Default::default()
        };
        server.pass(Span::minutes(6));
        assert_eq!(kasa.frontend.refused(request(&early)).await.name(), "FRESH_PROOF_NEEDED");
        server.pass(Span::days(8));
        let (session, advice) = kasa.advised(&owner, &phone).await;
        assert_eq!(advice, Advice::CheckUp);
        let begun = kasa.frontend.ok(request(&session)).await;
        assert!(begun.setup.is_none() && !begun.sent_to.is_empty(), "a link is mailed first");
        let enrollment = begun.enrollment.unwrap().id;
        let link = server.mail_to(&owner.person.email).await.token;
        assert_eq!(kasa.frontend.redeem(&link).await, Outcome::Approved);
        let seed = kasa.frontend.continue_enrollment(&session, &enrollment).await;
        let done = kasa.frontend.complete_enrollment(&session, &enrollment, &server.code(&seed)).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        assert_eq!(factors.iter().filter(|one| one.method() == proto::Method::Totp).count(), 2, "the old one stays until it is removed");
    }

    async fn a_product_asks_when_it_says_or_never(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, phone) = kasa.with_trusted_phone().await;
        let after = async |days: i64, etag: &str| {
            let settings = proto::ProductSettings {
                check_up_after: Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 }), ..Default::default()
            };
            let request = proto::UpdateProductRequest {
                product: "kasa".into(), etag: etag.into(), settings: Some(settings),
                update_mask: crate::manage::mask("settings.check_up_after"), ..Default::default()
            };
            kasa.admin.ok(request).await;
        };
        after(0, "r2").await;
        server.pass(MONTH);
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::Nothing);
        after(7, "r3").await;
        assert_eq!(kasa.advised(&owner, &phone).await.1, Advice::CheckUp);
    }
}
