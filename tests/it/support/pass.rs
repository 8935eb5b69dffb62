//! Access passes: mailed, typed once, and worth no more than a recovery code.

use proto::{Level, Method, ProofOutcome as Outcome};
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use super::{issue_pass, lock_down, mailed_pass, reactivate, reset_factors, told, with_factor};
use crate::{
    arrange::{Address, PASSWORD},
    owner::{Device, by_code},
    race::together,
    raw,
    recovery::{begin, generate},
    setting::{Kasa, Owner},
    test_server::CredentialSpec,
    text,
};

/// The owner's factors as the app lists them: method, own codes left, whether a pass is live.
async fn listed(kasa: &Kasa, session: &crate::owner::Session) -> Vec<(Method, i32, bool)> {
    let listed = kasa.frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
    listed.iter().map(|one| (one.method(), one.codes_left, one.access_pass_expire_time.is_some())).collect()
}

/// Whether a sign-in with password and this pass gets further.
async fn works(kasa: &Kasa, owner: &Owner, pass: &str) -> Outcome {
    let (begun, challenge) = kasa.lost(owner).await;
    kasa.frontend.answer(&begun, &challenge, pass).await.outcome()
}

on_both! {
    async fn inv_34_password_and_pass_give_a_session_that_only_rebinds(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        let issued = support.ok(issue_pass("ann")).await;
        assert_eq!(issued.sent_to, "a…@e….com");
        let pass = mailed_pass(&server, &owner.person).await;
        assert!(!text::of(&issued).contains(&pass), "INV-33");
        let session = kasa.passed(&owner.person, &pass).await;
        assert_eq!(session.answer.session.as_ref().unwrap().level(), Level::Recovery);
        assert_eq!(session.answer.advice(), proto::Advice::RebindFactors);
        assert_eq!(session.answer.recovery_codes_left, Some(10), "the owner's own codes are as they were");
        assert!(!kasa.is_live(&session).await, "no product serves it");
        let (_, seed) = kasa.frontend.add(&session, "new phone").await;
        server.clock.advance(Span::seconds(30));
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("new-phone")).await;
        let challenge = kasa.frontend.challenge_of(&begun, &begun.offers[1].factor_id).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &server.code(&seed)).await.outcome(), Outcome::Approved);
        let full = kasa.frontend.finish(&begun, &Device::new("new-phone")).await.unwrap();
        assert_eq!(full.answer.session.unwrap().level(), Level::Aal2);
    }

    async fn inv_35_a_pass_and_its_use_are_told_to_the_owner(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        let before = told(&kasa, &owner.person).await.len();
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        kasa.passed(&owner.person, &pass).await;
        assert_eq!(told(&kasa, &owner.person).await[before..], [proto::MessagePurpose::AccessPass, proto::MessagePurpose::RecoveryCodeUsed]);
        let recorded = kasa.recorded(&owner.person, "access_pass_issued").await;
        assert!(recorded[0].contains(r#""reason":"ticket 7""#), "{recorded:?}");
    }

    async fn inv_01_a_pass_that_is_used_at_once_on_two_servers_works_once(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let (begun, challenge_id) = kasa.lost(&owner).await;
        let answer = by_code(pass.clone());
        let request = proto::AnswerChallengeRequest { subject: begun.subject(), challenge_id, answer, ..Default::default() };
        let told = together(&callers, &request).await;
        let approved = told.iter().filter(|one| one.as_ref().is_ok_and(|one| one.outcome() == Outcome::Approved));
        assert_eq!(approved.count(), 1);
        assert_eq!(works(&kasa, &owner, &pass).await, Outcome::WrongAnswer, "in another sign-in neither");
    }

    async fn inv_01_two_sign_ins_get_one_approval_of_one_pass(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let mut calls = Vec::new();
        for caller in callers {
            let (begun, challenge) = kasa.lost(&owner).await;
            calls.push((caller, begun, challenge));
        }
        let calls = calls.into_iter().map(|(caller, begun, challenge)| {
            let pass = pass.clone();
            tokio::spawn(async move { caller.answer(&begun, &challenge, &pass).await.outcome() })
        });
        let mut approved = 0;
        for call in calls.collect::<Vec<_>>() {
            approved += usize::from(call.await.unwrap() == Outcome::Approved);
        }
        assert_eq!(approved, 1);
    }

    async fn inv_36_a_newer_pass_new_codes_and_a_lockdown_void_a_pass(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        support.ok(issue_pass("ann")).await;
        let first = mailed_pass(&server, &owner.person).await;
        server.clock.advance(Span::minutes(1));
        support.ok(issue_pass("ann")).await;
        let second = mailed_pass(&server, &owner.person).await;
        assert_ne!(first, second);
        assert_eq!(works(&kasa, &owner, &first).await, Outcome::WrongAnswer);
        let phone = Device::new("phone");
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &phone, &owner.enrolled.seed).await;
        assert_eq!(listed(&kasa, &session).await, [(Method::Totp, 0, false), (Method::RecoveryCodes, 10, true)]);
        kasa.frontend.ok(generate(&session)).await;
        assert_eq!(listed(&kasa, &session).await, [(Method::Totp, 0, false), (Method::RecoveryCodes, 10, false)]);
        assert_eq!(works(&kasa, &owner, &second).await, Outcome::WrongAnswer);
        server.clock.advance(Span::minutes(1));
        support.ok(issue_pass("ann")).await;
        let third = mailed_pass(&server, &owner.person).await;
        support.ok(lock_down("ann")).await;
        support.ok(reactivate("ann")).await;
        raw::change(&server, "UPDATE passwords SET demanded_at = NULL").await;
        assert_eq!(works(&kasa, &owner, &third).await, Outcome::WrongAnswer);
    }

    async fn inv_04_a_pass_works_for_24_hours(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        for (age, outcome) in [
            (Span::hours(24).minus(Span::from_micros(1)), Outcome::Approved),
            (Span::hours(24), Outcome::WrongAnswer),
        ] {
            support.ok(issue_pass("ann")).await;
            let pass = mailed_pass(&server, &owner.person).await;
            server.clock.advance(age);
            assert_eq!(works(&kasa, &owner, &pass).await, outcome);
        }
    }

    /// Both would prove the same mailbox.
    async fn inv_34_a_reset_by_mail_and_a_pass_do_not_take_over_an_account_with_a_factor(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        let (product, identifier) = ("kasa".to_owned(), owner.person.email.clone());
        kasa.frontend.ok(proto::BeginRecoveryRequest { product: product.clone(), identifier, ..Default::default() }).await;
        let token = server.mails_to(&owner.person.email).await.pop().unwrap().token;
        let reset = proto::CompleteRecoveryRequest { product, token, password: PASSWORD.into(), ..Default::default() };
        assert_eq!(kasa.frontend.ok(reset).await.outcome(), Outcome::Approved);
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        assert_eq!(works(&kasa, &owner, &pass).await, Outcome::WrongAnswer);
        assert_eq!(works(&kasa, &owner, &owner.enrolled.recovery_codes[0]).await, Outcome::Approved);
        server.clock.advance(Span::hours(24));
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &owner.person).await;
        assert_eq!(works(&kasa, &owner, &pass).await, Outcome::Approved, "the password has rested for a day");
    }

    /// The address is younger than a week, so that a link to it would prove nothing.
    async fn inv_57_a_pass_is_the_proof_for_a_first_factor(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let person = kasa.admin.person("ann").await;
        server.clock.advance(Span::days(1));
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        raw::change(&server, "UPDATE accounts SET email_since = (SELECT max(at) FROM events)").await;
        assert_eq!(kasa.frontend.refused(begin(&session, "phone")).await.name(), "NO_PROOF_OF_ORIGIN");
        support.ok(issue_pass("ann")).await;
        assert_eq!(kasa.frontend.refused(begin(&session, "phone")).await.name(), "NO_PROOF_OF_ORIGIN");
        let pass = mailed_pass(&server, &person).await;
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        assert_eq!(listed(&kasa, &session).await, [(Method::RecoveryCodes, 0, true)], "no codes of the owner");
        let status = kasa.frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        assert_eq!((status.recovery_codes_left, status.active_methods.len()), (0, 0));
        let challenge = kasa.frontend.change_challenge(&session, &factors[0].id).await;
        assert_eq!(kasa.frontend.answer_change(&session, &challenge, &pass).await, Outcome::Approved);
        assert_eq!(listed(&kasa, &session).await, [], "a used pass is not shown");
        let begun = kasa.frontend.ok(begin(&session, "phone")).await;
        let seed = crate::owner::Seed::scan(begun.setup);
        let id = begun.enrollment.unwrap().id;
        let done = kasa.frontend.complete_enrollment(&session, &id, &server.code(&seed)).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 10), "codes of the owner's own");
    }

    async fn a_pass_goes_to_a_verified_address_within_its_budget(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        kasa.admin.person_with("bob", Address::Unverified).await;
        assert_eq!(support.refused(issue_pass("bob")).await.name(), "EMAIL_NOT_VERIFIED");
        assert_eq!(support.refused(reset_factors("bob")).await.name(), "EMAIL_NOT_VERIFIED");
        kasa.admin.person("ann").await;
        support.ok(issue_pass("ann")).await;
        assert_eq!(support.refused(issue_pass("ann")).await.name(), "TOO_MANY_MESSAGES");
        assert_eq!(support.refused(reset_factors("ann")).await.name(), "TOO_MANY_MESSAGES");
        let spec = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Support) };
        let camera = server.with_credential("camera", spec).await.quiet();
        let elsewhere = proto::IssueAccessPassRequest { product: "camera".to_owned(), ..issue_pass("ann") };
        assert_eq!(camera.refused(elsewhere).await.name(), "PRODUCT_NOT_PERMITTED");
    }
}
