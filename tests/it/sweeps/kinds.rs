//! Each kind of rows: when it is deleted, and which of its rows are not.

use tidegate_core::{Clock as _, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    owner::{Device, Session},
    raw,
    setting::{Kasa, Owner, wrong},
    test_server::TestServer,
};

const WEEK: Span = Span::days(7);
const MONTH: Span = Span::days(30);
const MICROSECOND: Span = Span::from_micros(1);

async fn count(server: &TestServer, rows: &str) -> i64 {
    raw::count(server, &format!("SELECT count(*) FROM {rows}")).await
}

/// Sweeps a microsecond before the instant, when as many rows must be there as now, and at it.
async fn is_over_at(server: &TestServer, at: Timestamp, rows: &str) {
    let before = count(server, rows).await;
    assert!(before > 0, "{rows}");
    server.clock.set(at.minus(MICROSECOND));
    server.sweep().await;
    assert_eq!(count(server, rows).await, before, "{rows} before it is over");
    server.clock.set(at);
    server.sweep().await;
    assert_eq!(count(server, rows).await, 0, "{rows}");
}

async fn revoke(kasa: &Kasa, session: &Session) {
    let (subject, session_id) = (session.subject(), session.id.clone());
    kasa.frontend.ok(proto::RevokeSessionRequest { subject, session_id, ..Default::default() }).await;
}

/// The counter of an owner's authenticator app.
pub fn counter(owner: &Owner) -> String {
    format!(
        "attempts WHERE counter_id IN (SELECT f.factor_id FROM factors f JOIN accounts a ON a.account_id = f.account_id \
        WHERE a.external_id = '{}' AND f.method = 'totp')",
        owner.person.external_id
    )
}

on_both! {
    async fn sign_ins_and_what_belongs_to_them_are_swept_after_a_week(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "phone").await;
        kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        let start = server.clock.now();
        server.fold().await;
        is_over_at(&server, start.plus(Span::minutes(5)).plus(WEEK), "challenges").await;
        // The sign-in of the set-up goes half a minute sooner.
        let ended = start.plus(Span::minutes(10));
        server.clock.set(ended.plus(WEEK).minus(Span::seconds(10)));
        server.sweep().await;
        assert_eq!(count(&server, "sign_ins").await, 1);
        is_over_at(&server, ended.plus(WEEK), "sign_ins").await;
        let unknown = proto::GetSignInRequest { subject: begun.subject() };
        assert_eq!(kasa.frontend.refused(unknown).await.name(), "SUBJECT_NOT_VALID");
        let enrolled = start.minus(Span::seconds(30)).plus(Span::hours(2));
        is_over_at(&server, enrolled.plus(WEEK), "enrollments").await;
    }

    async fn challenges_stay_until_their_events_are_counted(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        kasa.asked(&owner, "phone").await;
        server.seal().await;
        server.clock.advance(MONTH);
        server.sweep().await;
        assert_eq!([count(&server, "challenges").await, count(&server, "enrollments").await], [1, 1]);
        server.fold().await;
        server.sweep().await;
        assert_eq!([count(&server, "challenges").await, count(&server, "enrollments").await], [0, 0]);
    }

    async fn links_are_swept_a_week_after_they_expired(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        kasa.frontend.begin_enrollment(&session).await;
        let token = server.mail_to(&person.email).await.token;
        let began = server.clock.now();
        assert_eq!(kasa.frontend.redeem(&token).await, proto::ProofOutcome::Approved);
        let expires = began.plus(Span::hours(2));
        server.clock.set(expires.plus(WEEK).minus(MICROSECOND));
        server.sweep().await;
        assert_eq!(kasa.frontend.redeem(&token).await, proto::ProofOutcome::Replayed, "it still says that it was used");
        is_over_at(&server, expires.plus(WEEK), "links WHERE target LIKE '%nrollment%'").await;
        assert_eq!(kasa.frontend.redeem(&token).await, proto::ProofOutcome::WrongAnswer, "as an unknown one");
    }

    async fn sessions_are_swept_a_month_after_they_ended_for_good(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.refreshing("kasa", MONTH).await;
        let person = kasa.admin.person("ann").await;
        let began = server.clock.now();
        let ended = kasa.frontend.sign_in(&person, "kasa", &Device::new("one")).await;
        let kept = kasa.frontend.sign_in(&person, "kasa", &Device::new("two")).await;
        // It can be refreshed for as long, and never is.
        kasa.frontend.sign_in(&person, "kasa", &Device::new("three")).await;
        server.clock.advance(Span::minutes(10));
        revoke(&kasa, &ended).await;
        // The other one expired long ago, and can be refreshed.
        server.clock.set(began.plus(Span::days(29)));
        server.sweep().await;
        let client = Some(Device::new("two").client());
        let refresh = |token: &str| {
            let (refresh_token, client) = (token.to_owned(), client.clone());
            proto::RefreshSessionRequest { refresh_token, client, ..Default::default() }
        };
        let refreshed = kasa.frontend.ok(refresh(&kept.answer.refresh_token)).await;
        let of_ended = "sessions WHERE end_reason IS NOT NULL";
        is_over_at(&server, began.plus(Span::minutes(10)).plus(MONTH), of_ended).await;
        is_over_at(&server, began.plus(MONTH).plus(MONTH), "sessions").await;
        assert_eq!(kasa.frontend.refused(refresh(&refreshed.refresh_token)).await.name(), "SUBJECT_NOT_VALID");
    }

    async fn inv_09_counters_that_remember_a_failure_are_never_swept(server) {
        let kasa = Kasa::open(&server).await;
        let (right, failed) = (kasa.owner("ann").await, kasa.owner("bob").await);
        let closed = kasa.owner("cy").await;
        for owner in [&right, &failed, &closed] {
            let (begun, challenge) = kasa.asked(owner, "phone").await;
            let code = kasa.code(owner);
            let code = if std::ptr::eq(owner, &raw const right) { code } else { wrong(&code) };
            kasa.frontend.answer(&begun, &challenge, &code).await;
        }
        raw::change(&server, &format!("UPDATE {}", counter(&closed).replacen("WHERE", "SET in_row = 50 WHERE", 1))).await;
        let rows = [counter(&right), counter(&failed), counter(&closed)];
        is_over_at(&server, server.clock.now().plus(MONTH), &rows[0]).await;
        server.clock.advance(Span::days(4_000));
        server.sweep().await;
        let in_row = async |rows: &str| raw::count(&server, &format!("SELECT in_row FROM {rows}")).await;
        assert_eq!([in_row(&rows[1]).await, in_row(&rows[2]).await], [1, 50]);
        let (begun, challenge) = kasa.asked(&closed, "phone").await;
        let answer = kasa.frontend.answer(&begun, &challenge, &kasa.code(&closed)).await;
        assert_eq!(answer.outcome(), proto::ProofOutcome::Closed);
    }

    async fn inv_14_sends_are_swept_after_their_windows(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        kasa.frontend.begin_enrollment(&session).await;
        let began = server.clock.now();
        let (subject, method) = (session.subject(), proto::Method::Totp.into());
        let again = proto::BeginEnrollmentRequest { subject, method, ..Default::default() };
        server.clock.advance(Span::seconds(59));
        server.sweep().await;
        assert_eq!(kasa.frontend.refused(again).await.name(), "TOO_MANY_MESSAGES");
        is_over_at(&server, began.plus(Span::days(2)), "sends WHERE purpose = 'confirm_enrollment'").await;
    }

    async fn deliveries_are_swept_a_month_after_they_ended(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        kasa.frontend.begin_enrollment(&session).await;
        server.clock.advance(Span::days(60));
        server.sweep().await;
        let waiting = count(&server, "deliveries WHERE state = 'queued'").await;
        assert!(waiting > 0, "what was not sent is never deleted");
        server.courier.drain_once().await.unwrap();
        assert_eq!(count(&server, "deliveries WHERE state = 'queued'").await, 0);
        is_over_at(&server, server.clock.now().plus(MONTH), "deliveries").await;
    }

    async fn changes_of_addresses_are_swept_after_a_month(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let (subject, email) = (session.subject(), "new@example.com".to_owned());
        kasa.frontend.ok(proto::RequestEmailChangeRequest { subject, email, ..Default::default() }).await;
        is_over_at(&server, server.clock.now().plus(MONTH), "email_changes").await;
    }

    async fn what_belongs_to_an_account_stays(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        kasa.recovered(&owner, 0).await;
        server.fold().await;
        let kept = [
            "accounts", "passwords", "factors", "devices", "ledger", "rollouts", "rollout_revisions", "credentials", "products",
            "recovery_codes", "recovery_codes WHERE used_at IS NOT NULL", "events", "chain",
        ];
        let mut before = Vec::new();
        for rows in kept {
            before.push((rows, count(&server, rows).await));
        }
        assert!(before.iter().all(|(_, rows)| *rows > 0), "{before:?}");
        server.clock.advance(Span::days(4_000));
        server.sweep().await;
        for (rows, were) in before {
            assert_eq!(count(&server, rows).await, were, "{rows}");
        }
        let gone = ["sign_ins", "challenges", "enrollments", "links", "sessions", "sends", "requests", "rollout_hours"];
        for rows in gone {
            assert_eq!(count(&server, rows).await, 0, "{rows}");
        }
    }
}
