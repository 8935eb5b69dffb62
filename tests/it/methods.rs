//! What holds for every method of proof: the form of answers, the newest challenge, damaged rows, and a
//! product's policy.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, by_code, by_first_code},
    raw,
    setting::{Kasa, Owner, wrong},
    test_server::TestServer,
};

const CHARGED: &str = "SELECT COALESCE(SUM(in_row), 0) FROM attempts";

async fn approved(kasa: &Kasa, owner: &Owner, device: &str) {
    let (begun, challenge) = kasa.asked(owner, device).await;
    let answer = kasa.frontend.answer(&begun, &challenge, &kasa.code(owner)).await;
    assert_eq!(answer.outcome(), Outcome::Approved);
}

pub async fn damage(server: &TestServer, table: &str, column: &str) {
    let broken = if server.is_sqlite() { "x'0102'" } else { r"'\x0102'" };
    raw::change(server, &format!("UPDATE {table} SET {column} = {broken} WHERE {column} IS NOT NULL")).await;
}

on_both! {
    async fn inv_08_an_answer_that_is_no_code_is_refused_and_not_charged(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
        for code in ["12345", "1234567", "12345x", "ann@example.com", "- -", "\u{2167}12345"] {
            let (subject, answer) = (begun.subject(), by_code(code));
            let request = proto::AnswerChallengeRequest { subject, challenge_id: challenge_id.clone(), answer, ..Default::default() };
            let refused = kasa.frontend.refused(request).await;
            assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("INVALID_REQUEST", "code"), "{code}");
        }
        assert_eq!(raw::count(&server, CHARGED).await, 0);
        assert_eq!(raw::count(&server, "SELECT tries FROM challenges").await, 0);
        let code: String = kasa.code(&owner).chars().map(|digit| char::from_u32(u32::from(digit) - 0x30 + 0x660).unwrap()).collect();
        let code = format!("\u{200f}{} {}", &code[..6], &code[6..]);
        assert_eq!(kasa.frontend.answer(&begun, &challenge_id, &code).await.outcome(), Outcome::Approved, "in Arabic digits");
    }

    async fn inv_08_a_first_answer_that_is_no_code_is_refused_and_not_charged(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let enrollment_id = kasa.frontend.begin_enrollment(&session).await;
        kasa.frontend.redeem(&server.mail_to(&person.email).await.token).await;
        let seed = kasa.frontend.continue_enrollment(&session, &enrollment_id).await;
        let request = proto::CompleteEnrollmentRequest {
            subject: session.subject(),
            enrollment_id: enrollment_id.clone(),
            answer: by_first_code("12345"),
            ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(request).await.name(), "INVALID_REQUEST");
        assert_eq!(raw::count(&server, "SELECT tries FROM enrollments").await, 0);
        let code = server.code(&seed);
        let done = kasa.frontend.complete_enrollment(&session, &enrollment_id, &code).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        let again = kasa.frontend.complete_enrollment(&session, &enrollment_id, &wrong(&code)).await;
        assert_eq!(again.outcome(), Outcome::AlreadyApproved);
    }

    async fn inv_06_an_approved_challenge_says_so_and_charges_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        for code in [code.clone(), wrong(&code)] {
            let again = kasa.frontend.answer(&begun, &challenge, &code).await;
            assert_eq!(again.outcome(), Outcome::AlreadyApproved);
        }
        assert_eq!(raw::count(&server, CHARGED).await, 0);
    }

    async fn the_newest_challenge_is_always_answered(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let mut asked = Vec::new();
        for device in ["one", "two", "three", "four"] {
            asked.push(kasa.asked(&owner, device).await);
        }
        let code = kasa.code(&owner);
        let outcome = async |place: usize| {
            let (begun, challenge) = &asked[place];
            kasa.frontend.answer(begun, challenge, &code).await.outcome()
        };
        assert_eq!(outcome(0).await, Outcome::Superseded, "three are kept");
        assert_eq!(outcome(3).await, Outcome::Approved);
        assert_eq!(outcome(1).await, Outcome::Replayed);
    }

    async fn a_newer_enrollment_takes_the_place_of_the_older_one(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let older = kasa.frontend.begin_enrollment(&session).await;
        let older_link = server.mail_to(&person.email).await.token;
        server.clock.advance(Span::minutes(1));
        kasa.frontend.begin_enrollment(&session).await;
        let newer_link = server.mail_to(&person.email).await.token;
        assert_eq!(kasa.frontend.redeem(&older_link).await, Outcome::Superseded);
        let request = proto::GetEnrollmentRequest { subject: session.subject(), enrollment_id: older };
        let state = kasa.frontend.ok(request).await.enrollment.unwrap().state();
        assert_eq!(state, proto::EnrollmentState::Superseded);
        assert_eq!(kasa.frontend.redeem(&newer_link).await, Outcome::Approved);
    }

    async fn a_factor_keeps_the_name_that_its_owner_gives(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let request = proto::BeginEnrollmentRequest {
            subject: session.subject(),
            method: proto::Method::Totp.into(),
            label: "My phone".into(),
            ..Default::default()
        };
        let enrollment = kasa.frontend.ok(request).await.enrollment.unwrap().id;
        kasa.frontend.redeem(&server.mail_to(&person.email).await.token).await;
        let seed = kasa.frontend.continue_enrollment(&session, &enrollment).await;
        let done = kasa.frontend.complete_enrollment(&session, &enrollment, &server.code(&seed)).await;
        assert_eq!(done.factor.unwrap().label, "My phone");
        let request = proto::ListFactorsRequest { subject: session.subject() };
        let labels = kasa.frontend.ok(request).await.factors.into_iter().map(|factor| factor.label);
        assert_eq!(labels.collect::<Vec<_>>(), ["My phone", ""]);
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
        assert_eq!(begun.offers[0].label, "My phone");
    }

    async fn inv_45_a_damaged_key_of_personal_data_locks_no_owner_out(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        damage(&server, "accounts", "personal_key").await;
        approved(&kasa, &owner, "tablet").await;
        let plain = "SELECT count(*) FROM events WHERE fact LIKE '%challenge_answered%' AND personal IS NULL";
        assert_eq!(raw::count(&server, plain).await, 1, "recorded without personal data");
    }

    async fn inv_45_a_damaged_password_hash_is_denied_like_a_wrong_password(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        raw::change(&server, "UPDATE passwords SET hash = 'damaged'").await;
        let request = kasa.frontend.begin_request(&person, "kasa", &Device::new("phone"));
        let denied = kasa.frontend.ok(request).await.sign_in.unwrap();
        assert_eq!((denied.state(), denied.id.as_str()), (proto::SignInState::Denied, ""));
        let recorded = "SELECT count(*) FROM events WHERE fact LIKE '%password_unreadable%'";
        assert_eq!(raw::count(&server, recorded).await, 1);
    }

    async fn inv_45_a_damaged_row_is_told_apart_from_a_bug(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.frontend.begin_enrollment(&session).await;
        raw::change(&server, "UPDATE enrollments SET state = 'lost'").await;
        let token = server.mail_to(&person.email).await.token;
        let failed = kasa.frontend.refused(proto::RedeemLinkRequest { token, ..Default::default() }).await;
        assert_eq!((failed.name(), failed.incident.is_some()), ("DATA_DAMAGED", true));
    }

    async fn a_product_allows_recovery_codes_beside_a_second_step(server) {
        let admin = server.operator();
        let settings = |methods: &[proto::Method]| proto::CreateProductRequest {
            key: "kasa".into(),
            title: "Kasa".into(),
            settings: Some(proto::ProductSettings {
                link_url: "https://kasa.example/".into(),
                allowed_methods: methods.iter().map(|method| i32::from(*method)).collect(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = admin.refused(settings(&[proto::Method::RecoveryCodes])).await;
        assert_eq!((refused.name(), refused.violations[0].field.as_str()), ("METHOD_POLICY_NOT_ACCEPTABLE", "settings.allowed_methods"));
        let both = [proto::Method::Totp, proto::Method::RecoveryCodes];
        let kept = admin.ok(settings(&both)).await.product.unwrap().settings.unwrap();
        assert_eq!(kept.allowed_methods, both.map(i32::from));
    }
}
