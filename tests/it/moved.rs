//! Sealed values that somebody with the database moves to another row: nothing opens, and nothing weaker takes its
//! place (INV-46).

use proto::{Method, ProofOutcome as Outcome, SignInState, subject::Who};
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    owner::{Device, Seed, Session, by_first_code, subject},
    raw,
    setting::{Kasa, Owner},
    test_server::{CredentialSpec, TestServer},
};

/// Puts the sealed value of one row in the place of another one's.
async fn moves(server: &TestServer, table: &str, column: &str, from: &str, to: &str) {
    let value = format!("(SELECT {column} FROM {table} WHERE {from})");
    raw::change(server, &format!("UPDATE {table} SET {column} = {value} WHERE {to}")).await;
}

fn of(name: &str) -> String {
    format!("account_id = (SELECT account_id FROM accounts WHERE external_id = '{name}')")
}

fn app_of(name: &str) -> String {
    format!("method = 'totp' AND {}", of(name))
}

/// The owner's sign-in is not ready, the app is not offered, and no challenge is made for it.
async fn is_unavailable(kasa: &Kasa, owner: &Owner) {
    let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
    assert_eq!(begun.state, SignInState::PendingChallenge, "a factor that does not open is not absent");
    assert!(begun.offers.iter().all(|offer| offer.method() == Method::RecoveryCodes), "{:?}", begun.offers);
    let request = proto::CreateChallengeRequest {
        subject: begun.subject(),
        purpose: proto::ChallengePurpose::SignIn.into(),
        factor_id: owner.enrolled.factor.clone(),
        ..Default::default()
    };
    assert_eq!(kasa.frontend.refused(request).await.name(), "FACTOR_UNAVAILABLE");
    let refused = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap_err();
    assert_eq!(refused.name(), "SIGN_IN_STATE");
}

async fn answer_refused(kasa: &Kasa, waiting: &(crate::owner::SignIn, String), code: &str) -> String {
    let request = proto::AnswerChallengeRequest {
        subject: waiting.0.subject(),
        challenge_id: waiting.1.clone(),
        answer: crate::owner::by_code(code),
        ..Default::default()
    };
    kasa.frontend.refused(request).await.name().to_owned()
}

on_both! {
    async fn inv_46_material_of_another_account_opens_no_factor(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let waiting = kasa.asked(&bob, "waiting").await;
        moves(&server, "factors", "material", &app_of("ann"), &app_of("bob")).await;
        for code in [kasa.code(&ann), kasa.code(&bob)] {
            assert_eq!(answer_refused(&kasa, &waiting, &code).await, "FACTOR_UNAVAILABLE");
            is_unavailable(&kasa, &bob).await;
        }
        let charged = format!("SELECT COALESCE(SUM(in_row), 0) FROM attempts WHERE counter_id IN (SELECT factor_id FROM factors WHERE {})", app_of("bob"));
        assert_eq!(raw::count(&server, &charged).await, 0);
        kasa.frontend.sign_in_with(&ann.person, "kasa", &Device::new("own"), &ann.enrolled.seed).await;
    }

    async fn inv_46_material_of_another_factor_or_purpose_opens_no_factor(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("phone"), &owner.enrolled.seed).await;
        let (_, second) = kasa.frontend.add(&session, "tablet").await;
        let pending = kasa.frontend.ok(crate::recovery::begin(&session, "third")).await;
        let third = Seed::scan(pending.setup.clone());
        server.clock.advance(Span::seconds(30));
        let waiting = kasa.asked(&owner, "waiting").await;
        let first = "label IS NULL AND method = 'totp'";
        moves(&server, "factors", "material", "label = 'tablet'", first).await;
        for code in [kasa.code(&owner), server.code(&second)] {
            assert_eq!(answer_refused(&kasa, &waiting, &code).await, "FACTOR_UNAVAILABLE");
        }
        // What an enrollment keeps is for the factor that it would become.
        let (enrolls, app) = ("(SELECT material FROM enrollments WHERE label = 'third')", "label = 'tablet'");
        raw::change(&server, &format!("UPDATE factors SET material = {enrolls} WHERE {app}")).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let offered: Vec<_> = begun.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(offered, [Method::RecoveryCodes]);
        // And the factor's own is none for the enrollment.
        raw::change(&server, &format!("UPDATE enrollments SET material = (SELECT material FROM factors WHERE {first}) WHERE label = 'third'")).await;
        for code in [server.code(&third), server.code(&second)] {
            let request = proto::CompleteEnrollmentRequest {
                subject: session.subject(),
                enrollment_id: pending.enrollment.clone().unwrap().id,
                answer: by_first_code(code),
                ..Default::default()
            };
            assert_eq!(kasa.frontend.refused(request).await.name(), "FACTOR_UNAVAILABLE");
        }
    }

    async fn inv_46_nothing_opens_in_another_realm(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        server.realm("other").await;
        let of = |role| CredentialSpec { realm: "other", ..CredentialSpec::of(role) };
        let admin = server.with_credential("admin", of(Role::Admin)).await.quiet();
        let frontend = server.with_credential("frontend", of(Role::Frontend)).await.quiet();
        admin.product("kasa").await;
        let rollout = admin.rollout("everybody", &["kasa"], &[1_000_000]).await;
        admin.start(&rollout).await;
        let there = Kasa { server: server.clone(), admin, frontend };
        let namesake = there.owner("ann").await;
        let realm = |key: &str| format!("realm_id = (SELECT realm_id FROM realms WHERE realm_key = '{key}')");
        let app = |key: &str| format!("method = 'totp' AND {}", realm(key));
        moves(&server, "factors", "material", &app("main"), &app("other")).await;
        is_unavailable(&there, &namesake).await;

        let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("own"), &owner.enrolled.seed).await;
        let issue = |session: &Session| proto::IssueAssertionRequest { subject: session.subject(), ..Default::default() };
        kasa.frontend.ok(issue(&session)).await;
        there.frontend.ok(issue(&namesake.session)).await;
        let newest = |key: &str| format!("number = (SELECT MIN(number) FROM signing_keys WHERE {0}) AND {0}", realm(key));
        moves(&server, "signing_keys", "sealed_key", &newest("main"), &realm("other")).await;
        let restarted = server.reopened().await;
        let refused = there.frontend.at(restarted.channel.clone()).refused(issue(&namesake.session)).await;
        assert!(refused.reason.is_some() && refused.incident.is_some(), "{refused:?}");
        kasa.frontend.at(restarted.channel.clone()).ok(issue(&session)).await;
    }

    async fn inv_46_a_mailed_code_of_another_challenge_approves_nothing(server) {
        let kasa = Kasa::by_mail(&server).await;
        let (ann, bob) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let mut asked = Vec::new();
        for owner in [&ann, &bob] {
            let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
            let mailbox = begun.offers.iter().find(|offer| offer.method() == Method::EmailCode).unwrap();
            let challenge = kasa.frontend.challenge_of(&begun, &mailbox.factor_id).await;
            let code = server.mail_to(&owner.person.email).await.code;
            asked.push((begun, challenge, code));
        }
        let (begun, challenge, own) = asked.pop().unwrap();
        let waiting = (begun, challenge);
        let theirs = asked.pop().unwrap().2;
        let code_of = |name| format!("method = 'email_code' AND {}", of(name));
        moves(&server, "challenges", "material", &code_of("ann"), &code_of("bob")).await;
        for code in [theirs, own] {
            assert_eq!(answer_refused(&kasa, &waiting, &code).await, "FACTOR_UNAVAILABLE");
        }
        let refused = kasa.frontend.finish(&waiting.0, &Device::new("tablet")).await.unwrap_err();
        assert_eq!(refused.name(), "SIGN_IN_STATE");
    }

    async fn inv_46_a_recovery_code_of_another_account_recovers_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let first = |name| format!("number = (SELECT MIN(number) FROM recovery_codes) AND {}", of(name));
        moves(&server, "recovery_codes", "digest", &first("ann"), &first("bob")).await;
        let (begun, challenge) = kasa.lost(&bob).await;
        for code in [&ann.enrolled.recovery_codes[0], &bob.enrolled.recovery_codes[0]] {
            assert_eq!(kasa.frontend.answer(&begun, &challenge, code).await.outcome(), Outcome::WrongAnswer);
        }
        let (begun, challenge) = kasa.lost(&ann).await;
        let own = &ann.enrolled.recovery_codes[0];
        assert_eq!(kasa.frontend.answer(&begun, &challenge, own).await.outcome(), Outcome::Approved);
    }

    async fn inv_46_a_message_of_another_delivery_is_not_sent(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.admin.person("ann").await, kasa.admin.person("bob").await);
        for person in [&ann, &bob] {
            let session = kasa.frontend.sign_in(person, "kasa", &Device::new("phone")).await;
            kasa.frontend.begin_enrollment(&session).await;
        }
        moves(&server, "deliveries", "payload", &of("ann"), &of("bob")).await;
        assert_eq!(server.mails_to(&ann.email).await.len(), 1, "its own delivery");
        assert_eq!(server.mails_to(&bob.email).await.len(), 0);
        let list = proto::ListDeliveriesRequest { account: bob.id, ..Default::default() };
        let listed = kasa.admin.ok(list).await.deliveries;
        assert_eq!((listed.len(), listed[0].problem()), (1, proto::DeliveryProblem::Sealed), "{listed:?}");
    }

    async fn inv_46_a_request_for_a_reset_of_another_row_mails_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.admin.person("ann").await, kasa.admin.person("bob").await);
        for person in [&ann, &bob] {
            let (product, identifier) = ("kasa".to_owned(), person.email.clone());
            kasa.frontend.ok(proto::BeginRecoveryRequest { product, identifier, ..Default::default() }).await;
        }
        let (first, last) = ("(SELECT MIN(CAST(recovery_id AS TEXT)) FROM recoveries)", "(SELECT MAX(CAST(recovery_id AS TEXT)) FROM recoveries)");
        let named = |which: &str| format!("CAST(recovery_id AS TEXT) = {which}");
        moves(&server, "recoveries", "material", &named(first), &named(last)).await;
        let mails = server.mails_to(&ann.email).await.len() + server.mails_to(&bob.email).await.len();
        assert_eq!(mails, 1, "one request opens, and the other one does not");
    }

    async fn inv_46_a_client_of_another_session_is_not_shown(server) {
        let kasa = Kasa::open(&server).await;
        let (ann, bob) = (kasa.admin.person("ann").await, kasa.admin.person("bob").await);
        let mut sessions = Vec::new();
        for (person, device) in [(&ann, "phone"), (&ann, "tablet"), (&bob, "phone")] {
            let client = proto::ClientContext { user_agent: format!("Firefox on {device}"), device_id: device.into(), ..Default::default() };
            let begun = kasa.frontend.begin(person, "kasa", &Device::new(device)).await;
            let mut subject = subject(Who::SignInToken(begun.token));
            subject.as_mut().unwrap().client = Some(client);
            let done = kasa.frontend.ok(proto::CompleteSignInRequest { subject, ..Default::default() }).await;
            sessions.push(Session { id: done.session.clone().unwrap().id, token: done.session_token.clone(), answer: done });
        }
        let on = |name, device| format!("device_id = '{device}' AND {}", of(name));
        moves(&server, "sessions", "client", &on("ann", "tablet"), &on("ann", "phone")).await;
        moves(&server, "sessions", "client", &on("ann", "tablet"), &on("bob", "phone")).await;
        let shown = async |session: &Session| {
            let listed = kasa.frontend.ok(proto::ListSessionsRequest { subject: session.subject() }).await.sessions;
            let mut shown: Vec<_> = listed.into_iter().map(|one| one.client).collect();
            shown.sort();
            shown
        };
        assert_eq!(shown(&sessions[0]).await, ["", "Firefox on tablet"], "another session of the account");
        assert_eq!(shown(&sessions[2]).await, [""], "another account");
    }
}
