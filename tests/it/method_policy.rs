//! What a product asks of methods: which come first, which stay, how many, and what is refused because it would lock owners
//! out.

use proto::{Method, ProofOutcome as Outcome, SignInState};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    manage::mask,
    owner::Device,
    recovery::{begin, remove},
    setting::Kasa,
};

impl Actor {
    pub async fn change_product(
        &self,
        settings: proto::ProductSettings,
        path: &str,
    ) -> proto::UpdateProductRequest {
        let got = self.ok(proto::GetProductRequest { product: "kasa".into() }).await.product.unwrap();
        proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: got.etag,
            settings: Some(settings),
            update_mask: mask(path),
            ..Default::default()
        }
    }

    pub async fn policy(&self, policy: proto::MethodPolicy) -> proto::UpdateProductRequest {
        let settings = proto::ProductSettings { method_policy: Some(policy), ..Default::default() };
        self.change_product(settings, "settings.method_policy").await
    }
}

pub fn rule(method: Method, requires: &[Method], not_removable: bool) -> proto::AllowedMethod {
    let requires = requires.iter().map(|one| (*one).into()).collect();
    proto::AllowedMethod { method: method.into(), requires, not_removable }
}

on_both! {
    async fn a_method_comes_after_another_one_and_stays(server) {
        let kasa = Kasa::open(&server).await;
        let policy = proto::MethodPolicy {
            rules: vec![rule(Method::Totp, &[Method::RecoveryCodes], true), rule(Method::RecoveryCodes, &[], false)],
            ..Default::default()
        };
        let refused = kasa.admin.refused(kasa.admin.policy(policy.clone()).await).await;
        assert_eq!(refused.name(), "METHOD_POLICY_NOT_ACCEPTABLE", "recovery codes come with the first factor");
        let rules = vec![rule(Method::Totp, &[Method::EmailCode], true)];
        let policy = proto::MethodPolicy { rules, minimum_factors: 1, ..Default::default() };
        let never = kasa.admin.refused(kasa.admin.policy(policy.clone()).await).await;
        assert_eq!(never.name(), "METHOD_POLICY_NOT_ACCEPTABLE");
        assert_eq!(never.violations[0].description, "totp requires what can never be active");
        kasa.admin.count_mailboxes("kasa").await;
        let kept = kasa.admin.ok(kasa.admin.policy(policy.clone()).await).await.product.unwrap().settings.unwrap();
        assert_eq!((kept.method_policy, kept.email_is_factor), (Some(policy), true));
        assert_eq!(kept.allowed_methods, [i32::from(Method::Totp)]);
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        let refused = kasa.frontend.refused(remove(&session, &owner.enrolled.factor)).await;
        assert_eq!((refused.name(), refused.metadata["why"].as_str()), ("FACTOR_NOT_REMOVABLE", "policy"));
    }

    async fn what_a_method_requires_is_named(server) {
        let kasa = Kasa::open(&server).await;
        let change = proto::ProductSettings {
            allowed_methods: vec![Method::Totp.into(), Method::RecoveryCodes.into()],
            ..Default::default()
        };
        kasa.admin.ok(kasa.admin.change_product(change, "settings.allowed_methods").await).await;
        kasa.admin.count_mailboxes("kasa").await;
        let rules = vec![rule(Method::Totp, &[Method::EmailCode], false)];
        kasa.admin.ok(kasa.admin.policy(proto::MethodPolicy { rules, ..Default::default() }).await).await;
        let bob = kasa.admin.person("bob").await;
        let session = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        crate::raw::change(&server, "DELETE FROM factors WHERE method = 'email_code'").await;
        let refused = kasa.frontend.refused(begin(&session, "")).await;
        assert_eq!((refused.name(), refused.metadata["method"].as_str()), ("METHOD_REQUIRES", "email_code"));
    }

    async fn inv_43_a_policy_that_locks_owners_out_is_refused(server) {
        let kasa = Kasa::by_mail(&server).await;
        let (ann, bob) = (kasa.mail_owner("ann").await, kasa.mail_owner("bob").await);
        kasa.owner("cat").await;
        kasa.admin.person("dan").await;
        let off = async || {
            let settings = proto::ProductSettings { email_is_factor: false, ..Default::default() };
            kasa.admin.change_product(settings, "settings.email_is_factor").await
        };
        let refused = kasa.admin.refused(off().await).await;
        assert_eq!((refused.name(), refused.metadata["accounts"].as_str()), ("METHOD_POLICY_LOCKS_OUT", "2"));
        assert_eq!(refused.violations[0].description, format!("would lock {} out", ann.person.id));
        assert_eq!(refused.violations.len(), 2);
        for owner in [&ann, &bob] {
            kasa.frontend.add_first(&owner.session).await;
        }
        assert!(!kasa.admin.ok(off().await).await.product.unwrap().settings.unwrap().email_is_factor);
        let strict = proto::MethodPolicy {
            rules: vec![rule(Method::Totp, &[], false)],
            phishing_resistant_only: true,
            ..Default::default()
        };
        let refused = kasa.admin.refused(kasa.admin.policy(strict).await).await;
        assert_eq!(refused.violations[0].field, "settings.method_policy.phishing_resistant_only");
    }

    async fn inv_17_a_proof_that_does_not_count_any_more_makes_no_session(server) {
        let kasa = Kasa::by_mail(&server).await;
        let owner = kasa.owner("ann").await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let mailbox = begun.offers.iter().find(|offer| offer.method() == Method::EmailCode).unwrap();
        let challenge = kasa.frontend.challenge_of(&begun, &mailbox.factor_id).await;
        let code = server.mails_to(&owner.person.email).await.pop().unwrap().code;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        let settings = proto::ProductSettings { email_is_factor: false, ..Default::default() };
        kasa.admin.ok(kasa.admin.change_product(settings, "settings.email_is_factor").await).await;
        let request = proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() };
        let held = kasa.frontend.ok(request).await;
        assert_eq!((held.sign_in.unwrap().state(), held.session_token.as_str()), (SignInState::PendingChallenge, ""));
        let challenge = kasa.frontend.challenge_of(&begun, &owner.enrolled.factor).await;
        let answer = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        assert_eq!(answer.outcome(), Outcome::Approved);
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        assert_eq!(session.answer.session.unwrap().level(), proto::Level::Aal2);
    }

    async fn inv_21_as_many_factors_stay_as_the_policy_asks_for(server) {
        let kasa = Kasa::open(&server).await;
        let rules = vec![rule(Method::Totp, &[], false)];
        let two = proto::MethodPolicy { rules, minimum_factors: 2, confirm_by_link: true, ..Default::default() };
        kasa.admin.ok(kasa.admin.policy(two).await).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        server.clock.advance(Span::minutes(1));
        let begun = kasa.frontend.ok(begin(&session, "second")).await;
        let enrollment = begun.enrollment.unwrap();
        assert_eq!(enrollment.state(), proto::EnrollmentState::AwaitingConfirmation, "each one is confirmed by a link");
        let token = server.mails_to(&owner.person.email).await.into_iter().rfind(|mail| !mail.token.is_empty()).unwrap().token;
        assert_eq!(kasa.frontend.redeem(&token).await, Outcome::Approved);
        let seed = kasa.frontend.continue_enrollment(&session, &enrollment.id).await;
        let done = kasa.frontend.complete_enrollment(&session, &enrollment.id, &server.code(&seed)).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        let refused = kasa.frontend.refused(remove(&session, &owner.enrolled.factor)).await;
        assert_eq!((refused.name(), refused.metadata["why"].as_str()), ("FACTOR_NOT_REMOVABLE", "last"));
    }
}

impl Actor {
    /// Adds an authenticator app where the mailbox was the only factor.
    async fn add_first(&self, session: &crate::owner::Session) {
        let begun = self.ok(begin(session, "phone")).await;
        let seed = crate::owner::Seed::scan(begun.setup);
        let enrollment = begun.enrollment.unwrap().id;
        let done = self.complete_enrollment(session, &enrollment, &self.server.code(&seed)).await;
        assert_eq!(done.outcome(), Outcome::Approved);
    }
}
