//! A lost phone is not the end: recovery codes, and factors that are added, renamed and removed.

use proto::{Level, Method, ProofOutcome as Outcome, SignInState};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    owner::{Device, Seed, Session, SignIn, by_code},
    race::{MANY, together},
    raw,
    setting::{Kasa, Owner, wrong},
};

const CODES_LEFT: &str = "SELECT count(*) FROM recovery_codes WHERE used_at IS NULL";

impl Kasa {
    /// A sign-in that waits for a recovery code, and its challenge.
    pub async fn lost(&self, owner: &Owner) -> (SignIn, String) {
        let begun = self.frontend.begin(&owner.person, "kasa", &Device::new("new-phone")).await;
        assert_eq!(begun.state, SignInState::PendingChallenge);
        let last = begun.offers.last().unwrap();
        assert_eq!(last.method(), Method::RecoveryCodes, "the last way");
        let challenge = self.frontend.challenge_of(&begun, &last.factor_id).await;
        (begun, challenge)
    }

    /// A session that the owner's recovery code with this number, from zero, made.
    pub async fn recovered(&self, owner: &Owner, number: usize) -> Session {
        let (begun, challenge) = self.lost(owner).await;
        let answer = self.frontend.answer(&begun, &challenge, &owner.enrolled.recovery_codes[number]).await;
        assert_eq!(answer.outcome(), Outcome::Approved);
        self.frontend.finish(&begun, &Device::new("new-phone")).await.unwrap()
    }
}

impl Actor {
    pub async fn challenge_of(&self, sign_in: &SignIn, factor: &str) -> String {
        let request = proto::CreateChallengeRequest {
            subject: sign_in.subject(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: factor.to_owned(),
            request_id: String::new(),
        };
        self.ok(request).await.challenge.unwrap().id
    }

    /// Adds an authenticator app to the account, with a session that may.
    pub async fn add(&self, session: &Session, label: &str) -> (String, Seed) {
        let begun = self.ok(begin(session, label)).await;
        let enrollment = begun.enrollment.clone().unwrap();
        assert_eq!(enrollment.state(), proto::EnrollmentState::AwaitingProof);
        let seed = Seed::scan(begun.setup);
        let done = self.complete_enrollment(session, &enrollment.id, &self.server.code(&seed)).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 0));
        (done.factor.unwrap().id, seed)
    }

    async fn factors(&self, session: &Session) -> Vec<(Method, String)> {
        let listed = self.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        listed.into_iter().map(|factor| (factor.method(), factor.label)).collect()
    }
}

pub fn begin(session: &Session, label: &str) -> proto::BeginEnrollmentRequest {
    let (subject, method) = (session.subject(), Method::Totp.into());
    proto::BeginEnrollmentRequest { subject, method, label: label.to_owned(), ..Default::default() }
}

pub fn remove(session: &Session, factor: &str) -> proto::RemoveFactorRequest {
    let (subject, factor_id) = (session.subject(), factor.to_owned());
    proto::RemoveFactorRequest { subject, factor_id, ..Default::default() }
}

pub fn rename(session: &Session, factor: &str, label: &str) -> proto::RenameFactorRequest {
    let (subject, factor_id, label) = (session.subject(), factor.to_owned(), label.to_owned());
    proto::RenameFactorRequest { subject, factor_id, label, ..Default::default() }
}

pub fn generate(session: &Session) -> proto::GenerateRecoveryCodesRequest {
    proto::GenerateRecoveryCodesRequest { subject: session.subject(), ..Default::default() }
}

on_both! {
    /// The whole way back: a recovery code, a new phone, the lost one removed, and a full session again.
    async fn a_lost_phone_is_brought_back_by_a_recovery_code(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.recovered(&owner, 0).await;
        assert_eq!(session.answer.session.as_ref().unwrap().level(), Level::Recovery);
        assert_eq!(session.answer.advice(), proto::Advice::RebindFactors);
        assert_eq!((session.answer.recovery_codes_left, session.answer.device_token.as_str()), (Some(9), ""));

        let (factor, seed) = kasa.frontend.add(&session, "new phone").await;
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        let codes = kasa.frontend.ok(generate(&session)).await.recovery_codes;
        assert_eq!(codes.len(), 10);
        let left = kasa.frontend.factors(&session).await;
        assert_eq!(left, [(Method::Totp, "new phone".to_owned()), (Method::RecoveryCodes, String::new())]);

        server.clock.advance(Span::seconds(30));
        let full = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("new-phone"), &seed).await;
        assert_eq!(full.answer.session.as_ref().unwrap().level(), Level::Aal2);
        kasa.frontend.ok(rename(&full, &factor, "phone")).await;
        assert_eq!(kasa.frontend.factors(&full).await[0].1, "phone");
    }

    async fn a_recovery_session_rebinds_and_signs_out_and_nothing_else(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.recovered(&owner, 0).await;
        let introspected = kasa.frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await;
        assert!(!introspected.active && introspected.session.is_none(), "no product serves it");

        let subject = session.subject();
        let refused = [
            kasa.frontend.enable(&session).await.unwrap_err(),
            kasa.frontend.disable(&session).await.unwrap_err(),
            kasa.frontend.refused(proto::RequestEmailVerificationRequest { subject: subject.clone(), ..Default::default() }).await,
            kasa.frontend.refused(proto::CreateChallengeRequest {
                subject: subject.clone(),
                purpose: proto::ChallengePurpose::Change.into(),
                factor_id: owner.enrolled.factor.clone(),
                ..Default::default()
            }).await,
            kasa.frontend.refused(proto::RevokeSessionRequest {
                subject: subject.clone(),
                session_id: owner.session.id.clone(),
                ..Default::default()
            }).await,
        ];
        for refused in refused {
            assert_eq!(refused.name(), "SESSION_RECOVERS", "{refused}");
        }
        assert!(kasa.frontend.ok(proto::RevokeSessionRequest { subject: subject.clone(), ..Default::default() }).await.ended);
        assert_eq!(kasa.frontend.refused(proto::ListFactorsRequest { subject }).await.name(), "SUBJECT_NOT_VALID");
    }

    async fn inv_35_every_recovery_and_binding_is_told_to_the_verified_address(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.recovered(&owner, 0).await;
        server.clock.advance(Span::minutes(1));
        kasa.frontend.add(&session, "new phone").await;
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        kasa.frontend.ok(generate(&session)).await;
        let mails = server.mails_to(&owner.person.email).await;
        let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!(subjects, [
            "Confirm two-step verification for Kasa",
            "A way to sign in was added for Kasa",
            "A recovery code was used for Kasa",
            "A way to sign in was added for Kasa",
            "A way to sign in was removed for Kasa",
            "New recovery codes were made for Kasa",
        ]);
        assert!(mails[2].text.contains("9 recovery codes are left."), "{}", mails[2].text);
        assert!(mails[3].text.contains(": new phone."), "{}", mails[3].text);
    }

    async fn inv_35_a_recovery_code_for_a_change_is_told_too(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: owner.session.subject() }).await.factors;
        let codes = factors.iter().find(|factor| factor.method() == Method::RecoveryCodes).unwrap();
        let challenge = kasa.frontend.change_challenge(&owner.session, &codes.id).await;
        let code = &owner.enrolled.recovery_codes[0];
        assert_eq!(kasa.frontend.answer_change(&owner.session, &challenge, code).await, Outcome::Approved);
        let mail = server.mails_to(&owner.person.email).await.pop().unwrap();
        assert_eq!(mail.subject, "A recovery code was used for Kasa");
        assert!(mail.text.contains("9 recovery codes are left."), "{}", mail.text);
    }

    /// Also of a session that proved another factor of the same method later.
    async fn inv_20_a_removed_factor_proves_nothing_any_more(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (one, two) = (Device::new("tablet"), Device::new("laptop"));
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &one, &owner.enrolled.seed).await;
        let (second, seed) = kasa.frontend.add(&session, "second").await;
        server.clock.advance(Span::seconds(30));
        let begun = kasa.frontend.begin(&owner.person, "kasa", &two).await;
        let challenge = kasa.frontend.challenge_of(&begun, &second).await;
        kasa.frontend.answer(&begun, &challenge, &server.code(&seed)).await;
        let other = kasa.frontend.finish(&begun, &two).await.unwrap();
        let first = owner.enrolled.factor.as_str();
        for (factor, seed) in [(first, &owner.enrolled.seed), (&second, &seed)] {
            server.clock.advance(Span::seconds(30));
            let challenge = kasa.frontend.change_challenge(&other, factor).await;
            assert_eq!(kasa.frontend.answer_change(&other, &challenge, &server.code(seed)).await, Outcome::Approved);
        }
        kasa.frontend.ok(remove(&session, first)).await;
        assert_eq!(kasa.frontend.disable(&session).await.unwrap_err().name(), "FRESH_PROOF_NEEDED");
        assert!(!kasa.frontend.ok(proto::IntrospectRequest { session_token: other.token }).await.active);
    }

    async fn a_recovery_session_lives_half_an_hour(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.recovered(&owner, 0).await;
        server.clock.advance(Span::minutes(30).minus(Span::from_micros(1)));
        kasa.frontend.factors(&session).await;
        server.clock.advance(Span::from_micros(1));
        let refused = kasa.frontend.refused(proto::ListFactorsRequest { subject: session.subject() }).await;
        assert_eq!(refused.name(), "SUBJECT_NOT_VALID");
    }

    async fn inv_01_one_recovery_code_of_64_is_approved(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.lost(&owner).await;
        let answer = by_code(owner.enrolled.recovery_codes[3].clone());
        let request = proto::AnswerChallengeRequest { subject: begun.subject(), challenge_id, answer, ..Default::default() };
        let told = together(&callers, &request).await;
        assert_eq!(told.len(), MANY);
        let approved = told.iter().filter(|one| one.as_ref().is_ok_and(|one| one.outcome() == Outcome::Approved));
        assert_eq!(approved.count(), 1);
        assert_eq!(raw::count(&server, CODES_LEFT).await, 9);
    }

    async fn inv_36_a_recovery_code_works_once_in_any_spelling(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let code = &owner.enrolled.recovery_codes[0];
        let typed = format!(" {} ", code.replace('-', " ").to_uppercase().replace('0', "O").replace('1', "l"));
        let (begun, challenge) = kasa.lost(&owner).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &typed).await.outcome(), Outcome::Approved);
        let (begun, challenge) = kasa.lost(&owner).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, code).await.outcome(), Outcome::WrongAnswer);
        assert_eq!(raw::count(&server, CODES_LEFT).await, 9);
    }

    async fn inv_36_new_codes_void_all_earlier_ones(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.lost(&owner).await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        let codes = kasa.frontend.ok(generate(&session)).await.recovery_codes;
        let old = &owner.enrolled.recovery_codes[0];
        assert_eq!(kasa.frontend.answer(&begun, &challenge, old).await.outcome(), Outcome::UsedUp, "its set is gone");
        let (begun, challenge) = kasa.lost(&owner).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, old).await.outcome(), Outcome::WrongAnswer);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &codes[9]).await.outcome(), Outcome::Approved);
    }

    /// Old codes are used all the time while new ones are made: from the reply on, none of them is right.
    async fn inv_36_no_old_code_is_right_after_new_ones_were_made(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        for round in 0..4 {
            let owner = kasa.owner(&format!("ann-{round}")).await;
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
            let made = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let mut users = Vec::new();
            for (n, code) in owner.enrolled.recovery_codes.iter().enumerate().take(9) {
                let (begun, challenge) = kasa.lost(&owner).await;
                let (caller, code, made) = (callers[n % 2].clone(), code.clone(), made.clone());
                users.push(async move {
                    let late = made.load(std::sync::atomic::Ordering::SeqCst);
                    (late, caller.answer(&begun, &challenge, &code).await.outcome())
                });
            }
            // The last ones begin after the reply, the others before it.
            let late = users.split_off(6);
            let early: Vec<_> = users.into_iter().map(tokio::spawn).collect();
            let codes = kasa.frontend.ok(generate(&session)).await.recovery_codes;
            made.store(true, std::sync::atomic::Ordering::SeqCst);
            let mut told = Vec::new();
            for one in early.into_iter().chain(late.into_iter().map(tokio::spawn)) {
                told.push(one.await.unwrap());
            }
            let wrongly = told.iter().filter(|(late, outcome)| *late && *outcome == Outcome::Approved).count();
            assert_eq!((wrongly, told.iter().filter(|(late, _)| *late).count() >= 3), (0, true), "{told:?}");
            let of = format!("account_id = (SELECT account_id FROM accounts WHERE external_id = 'ann-{round}')");
            assert_eq!(raw::count(&server, &format!("{CODES_LEFT} AND {of}")).await, 10, "no use hit the new set");
            let (begun, challenge) = kasa.lost(&owner).await;
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &codes[round]).await.outcome(), Outcome::Approved);
        }
    }

    async fn a_code_of_another_account_and_a_mistyped_one_are_charged(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let (begun, challenge) = kasa.lost(&ann).await;
        let (foreign, own) = (&bob.enrolled.recovery_codes[0], &ann.enrolled.recovery_codes[0]);
        for tries_left in [Some(4), Some(3), Some(2), Some(1)] {
            let answer = kasa.frontend.answer(&begun, &challenge, foreign).await;
            assert_eq!((answer.outcome(), answer.tries_left), (Outcome::WrongAnswer, tries_left));
        }
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &wrong(own)).await.outcome(), Outcome::UsedUp);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, own).await.outcome(), Outcome::UsedUp);
        let (begun, challenge) = kasa.lost(&ann).await;
        assert_eq!(kasa.frontend.answer(&begun, &challenge, own).await.outcome(), Outcome::Approved);
    }

    async fn without_codes_left_they_are_not_offered(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        raw::change(&server, "DELETE FROM recovery_codes").await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("new-phone")).await;
        let offered: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(offered, [Method::Totp]);
    }

    async fn inv_20_factors_change_after_a_fresh_proof_only(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.clock.advance(Span::minutes(6));
        let (session, factor) = (&owner.session, owner.enrolled.factor.as_str());
        for refused in [
            kasa.frontend.refused(begin(session, "tablet")).await,
            kasa.frontend.refused(remove(session, factor)).await,
            kasa.frontend.refused(rename(session, factor, "tablet")).await,
            kasa.frontend.refused(generate(session)).await,
        ] {
            assert_eq!(refused.name(), "FRESH_PROOF_NEEDED", "{refused}");
        }
        let challenge = kasa.frontend.change_challenge(session, factor).await;
        assert_eq!(kasa.frontend.answer_change(session, &challenge, &kasa.code(&owner)).await, Outcome::Approved);
        kasa.frontend.add(session, "tablet").await;
        kasa.frontend.ok(remove(session, factor)).await;
    }

    async fn inv_21_the_last_usable_factor_is_not_removed(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        let refused = kasa.frontend.refused(remove(&session, &owner.enrolled.factor)).await;
        assert_eq!((refused.name(), refused.metadata["why"].as_str()), ("FACTOR_NOT_REMOVABLE", "last"));
        kasa.frontend.disable(&session).await.unwrap();
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        assert_eq!(kasa.frontend.factors(&session).await, [], "the codes go with the last factor");
        assert_eq!(kasa.frontend.enable(&session).await.unwrap_err().name(), "NO_FACTOR");
    }

    /// Two calls, each removing another of two factors: one of them is refused.
    async fn inv_21_two_removals_at_once_leave_one_factor(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        for round in 0..4 {
            let owner = kasa.owner(&format!("ann-{round}")).await;
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
            let (second, _) = kasa.frontend.add(&session, "tablet").await;
            let other = kasa.frontend.at(replica.channel.clone());
            let (one, two) = tokio::join!(
                kasa.frontend.call(remove(&session, &owner.enrolled.factor)),
                other.call(remove(&session, &second)),
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            let refused = one.err().or(two.err()).unwrap();
            // The session rests on one of the two: without it, the other is not removed for want of a proof.
            assert!(["FACTOR_NOT_REMOVABLE", "FRESH_PROOF_NEEDED"].contains(&refused.name()), "{refused}");
        }
    }

    /// The thief has the phone and the password. What the phone made, or could still make, ends with its factor.
    async fn inv_17_a_removed_factor_makes_no_session_and_keeps_none(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let thief = Device::new("thief");
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &thief, &owner.enrolled.seed).await;
        let pending = kasa.frontend.ok(begin(&session, "thief's app")).await;
        let seed = Seed::scan(pending.setup);
        server.clock.advance(Span::seconds(30));
        let (ready, challenge) = kasa.asked(&owner, "another").await;
        assert_eq!(kasa.frontend.answer(&ready, &challenge, &kasa.code(&owner)).await.outcome(), Outcome::Approved);

        let recovered = kasa.recovered(&owner, 0).await;
        let (_, new_seed) = kasa.frontend.add(&recovered, "new phone").await;
        kasa.frontend.ok(remove(&recovered, &owner.enrolled.factor)).await;

        let introspect = proto::IntrospectRequest { session_token: session.token.clone() };
        assert!(!kasa.frontend.ok(introspect).await.active, "its session ended");
        let request = proto::CompleteSignInRequest { subject: ready.subject(), remember_device: true, ..Default::default() };
        let completed = kasa.frontend.ok(request).await;
        assert!(completed.session.is_none(), "pending again: {completed:?}");
        server.clock.advance(Span::seconds(30));
        let thief = kasa.frontend.sign_in_with(&owner.person, "kasa", &thief, &new_seed).await;
        let enrollment = pending.enrollment.unwrap().id;
        let code = server.code(&seed);
        let done = kasa.frontend.complete_enrollment(&thief, &enrollment, &code).await;
        assert_eq!(done.outcome(), Outcome::UsedUp, "what a proof of the lost phone began adds nothing");
    }

    /// Also as a first factor, without a link, after two-step was switched off and the factor removed.
    async fn inv_57_an_enrollment_that_a_removed_factor_began_binds_no_first_factor(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (one, two) = (Device::new("thief"), Device::new("tablet"));
        let thief = kasa.frontend.sign_in_with(&owner.person, "kasa", &one, &owner.enrolled.seed).await;
        let pending = kasa.frontend.ok(begin(&thief, "")).await;
        server.clock.advance(Span::seconds(30));
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &two, &owner.enrolled.seed).await;
        kasa.frontend.disable(&session).await.unwrap();
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        let again = kasa.frontend.sign_in(&owner.person, "kasa", &one).await;
        let code = server.code(&Seed::scan(pending.setup));
        let done = kasa.frontend.complete_enrollment(&again, &pending.enrollment.unwrap().id, &code).await;
        assert_eq!(done.outcome(), Outcome::UsedUp);
    }

    async fn inv_36_a_void_recovery_code_makes_no_session_and_keeps_none(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (ready, challenge) = kasa.lost(&owner).await;
        let code = &owner.enrolled.recovery_codes[3];
        assert_eq!(kasa.frontend.answer(&ready, &challenge, code).await.outcome(), Outcome::Approved);
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("thief")).await;
        let challenge = kasa.frontend.challenge_of(&begun, &begun.offers.last().unwrap().factor_id).await;
        kasa.frontend.answer(&begun, &challenge, &owner.enrolled.recovery_codes[4]).await;
        let thief = kasa.frontend.finish(&begun, &Device::new("thief")).await.unwrap();

        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        kasa.frontend.ok(generate(&session)).await;
        let request = proto::CompleteSignInRequest { subject: ready.subject(), ..Default::default() };
        assert!(kasa.frontend.ok(request).await.session.is_none(), "pending again");
        assert_eq!(kasa.frontend.refused(begin(&thief, "")).await.name(), "SUBJECT_NOT_VALID");
    }

    /// Two-step is off, so a sign-in asks for nothing; the phone is lost all the same.
    async fn a_signed_in_owner_rebinds_by_a_recovery_code(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let with = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        kasa.frontend.disable(&with).await.unwrap();
        let session = kasa.frontend.sign_in(&owner.person, "kasa", &Device::new("new-phone")).await;
        assert_eq!(kasa.frontend.refused(begin(&session, "")).await.name(), "FRESH_PROOF_NEEDED");
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await.factors;
        let codes = factors.iter().find(|factor| factor.method() == Method::RecoveryCodes).unwrap();
        let challenge = kasa.frontend.change_challenge(&session, &codes.id).await;
        let code = &owner.enrolled.recovery_codes[0];
        assert_eq!(kasa.frontend.answer_change(&session, &challenge, code).await, Outcome::Approved);
        assert_eq!(kasa.frontend.enable(&session).await.unwrap_err().name(), "FRESH_PROOF_NEEDED", "it only re-binds");
        kasa.frontend.add(&session, "new phone").await;
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
    }

    async fn a_factor_that_is_removed_answers_no_challenge_and_ends_trust(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let phone = Device::remembered("phone");
        let trusted = kasa.frontend.sign_in_with(&owner.person, "kasa", &phone, &owner.enrolled.seed).await;
        assert_eq!(kasa.frontend.begin(&owner.person, "kasa", &phone).await.state, SignInState::Ready);
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        kasa.frontend.add(&trusted, "tablet").await;
        kasa.frontend.ok(remove(&trusted, &owner.enrolled.factor)).await;
        server.clock.advance(Span::seconds(30));
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome(), Outcome::UsedUp);
        assert_eq!(kasa.frontend.begin(&owner.person, "kasa", &phone).await.state, SignInState::PendingChallenge);
    }

    async fn an_account_has_ten_factors_of_a_method_at_most(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &owner.enrolled.seed).await;
        for number in 2..=10 {
            kasa.frontend.add(&session, &format!("device {number}")).await;
        }
        let refused = kasa.frontend.refused(begin(&session, "one more")).await;
        assert_eq!((refused.name(), refused.metadata["limit"].as_str()), ("TOO_MANY_FACTORS", "10"));
    }

    /// A thief of the password who began an enrollment before the owner had a factor does not add one later.
    async fn inv_57_an_enrollment_without_a_proof_of_the_factors_adds_none(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let thief = kasa.frontend.sign_in(&person, "kasa", &Device::new("thief")).await;
        let early = kasa.frontend.begin_enrollment(&thief).await;
        let token = server.mail_to(&person.email).await.token;
        kasa.frontend.redeem(&token).await;
        let seed = kasa.frontend.continue_enrollment(&thief, &early).await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        server.clock.advance(Span::minutes(1));
        kasa.frontend.enroll(&session, &person).await;
        let done = kasa.frontend.complete_enrollment(&thief, &early, &server.code(&seed)).await;
        assert_eq!(done.outcome(), Outcome::UsedUp);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM factors WHERE method = 'totp'").await, 1);
    }
}
