//! No operation moves an expiry later (INV-4). A walk calls everything that touches an artifact after its issue, and the
//! rows themselves are compared after each call.

use std::collections::{BTreeMap, BTreeSet};

use proto::{Method, ProofOutcome as Outcome};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    addresses::OTHER,
    arrange::Address,
    email_codes::resend,
    not_me::not_me,
    owner::{Device, Session, SignIn, by_code, by_first_code, confirm_email},
    raw,
    setting::{Kasa, Owner, wrong},
    support::issue_pass,
    test_server::TestServer,
};

/// What expires, and the column that names a row of it.
const TABLES: [(&str, &str); 8] = [
    ("links", "token_digest"),
    ("challenges", "challenge_id"),
    ("enrollments", "enrollment_id"),
    ("sign_ins", "sign_in_id"),
    ("sessions", "session_id"),
    ("recovery_codes", "digest"),
    ("deliveries", "delivery_id"),
    ("recoveries", "recovery_id"),
];

/// Every expiry in the database, by its row.
async fn expiries(server: &TestServer) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    for (table, key) in TABLES {
        let row = if server.is_sqlite() {
            format!("hex({key}) || ' ' || expires_at")
        } else {
            format!("CAST({key} AS TEXT) || ' ' || CAST(extract(epoch FROM expires_at) * 1000000 AS BIGINT)")
        };
        let rows = format!("SELECT {row} FROM {table} WHERE expires_at IS NOT NULL");
        for line in raw::rows(server, &rows).await {
            let (key, expiry) = line.split_once(' ').unwrap();
            all.insert(format!("{table} {key}"), expiry.parse().unwrap());
        }
    }
    all
}

/// Everything that touches what was issued before.
const STEPS: [&str; 22] = [
    "look at a sign-in",
    "look at a challenge",
    "send a code again",
    "a newer challenge",
    "a wrong answer and its retry",
    "an answer that is refused",
    "use a session",
    "list by a session",
    "look at an enrollment",
    "continue an enrollment twice",
    "a wrong first code",
    "a link of another kind",
    "a confirmation that proves nothing",
    "a verification once more",
    "another address once more",
    "a reset once more",
    "a password that is not acceptable",
    "longer sessions of the product",
    "a pass once more",
    "not me by a link that is none",
    "a right answer",
    "a sign-in that is completed twice",
];

/// Who walks, and what was issued to them.
pub struct Walk {
    pub kasa: Kasa,
    pub ann: Owner,
    /// Of the owner who enrolls and changes the address.
    pub session: Session,
    pub enrollment: String,
    /// The links that were mailed first: a set-up link, a verification, a change of address, a notice, a reset.
    pub links: BTreeMap<&'static str, String>,
    pub begun: SignIn,
    mailed: String,
    pub asked: String,
}

const ID: &str = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f";

/// The request id of this moment, so that a retry has the same one, and the next round another.
fn request_id(server: &TestServer) -> String {
    format!("{}{:012x}", &ID[..24], server.now().unix_micros() & 0xffff_ffff_ffff)
}

impl Walk {
    pub async fn begin(server: &TestServer) -> Self {
        let kasa = Kasa::by_mail(server).await;
        let ann = kasa.owner("ann").await;
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        let bobs = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone")).await;
        let mut links = BTreeMap::new();
        let notices = server.mails_to(&ann.person.email).await;
        let notice = notices.iter().find(|mail| mail.link.contains("#not-me=")).unwrap();
        links.insert("notice", notice.token.clone());
        let reset = proto::BeginRecoveryRequest {
            product: "kasa".into(),
            identifier: ann.person.email.clone(),
            ..Default::default()
        };
        kasa.frontend.ok(reset).await;
        links.insert("reset", server.mail_to(&ann.person.email).await.token);
        let carol = kasa.admin.person("carol").await;
        let carols = kasa.frontend.sign_in(&carol, "kasa", &Device::new("phone")).await;
        let enrollment = kasa.frontend.begin_enrollment(&carols).await;
        links.insert("set-up", server.mail_to(&carol.email).await.token);
        let verify = proto::RequestEmailVerificationRequest { subject: bobs.subject(), ..Default::default() };
        kasa.frontend.ok(verify).await;
        links.insert("verification", server.mail_to(&bob.email).await.token);
        kasa.ask_for(&carols, OTHER).await.unwrap();
        links.insert("change", server.mail_to(OTHER).await.token);
        let (begun, asked) = kasa.asked(&ann, "tablet").await;
        Self { kasa, ann, session: carols, enrollment, links, begun, mailed: String::new(), asked }
    }

    /// A new sign-in with a mailed code, and another challenge beside it.
    async fn sign_in_anew(&mut self, round: usize) {
        let (kasa, device) = (&self.kasa, Device::new(&format!("tablet-{round}")));
        let other = kasa.frontend.begin(&self.ann.person, "kasa", &device).await;
        let mailbox = other.offers.iter().find(|offer| offer.method() == Method::EmailCode).unwrap();
        self.mailed = kasa.frontend.challenge_of(&other, &mailbox.factor_id).await;
        self.begun = other;
        self.asked.clone_from(&self.mailed);
    }

    /// Whether the step did what it is called.
    #[expect(clippy::too_many_lines, reason = "one arm for each way to touch an artifact")]
    async fn step(&mut self, name: &str) -> bool {
        let (ann, server, link) = (&self.kasa.frontend, &self.kasa.server, |kind| self.links[kind].clone());
        let (subject, challenge_id) = (self.begun.subject(), self.asked.clone());
        let (session, enrollment_id, id) = (&self.session, self.enrollment.clone(), request_id(server));
        let answer = |code: String| proto::AnswerChallengeRequest {
            subject: self.begun.subject(),
            challenge_id: self.asked.clone(),
            answer: by_code(code),
            request_id: request_id(server),
        };
        match name {
            "look at a sign-in" => ann.call(proto::GetSignInRequest { subject }).await.is_ok(),
            "look at a challenge" => {
                ann.call(proto::GetChallengeRequest { subject, challenge_id }).await.is_ok()
            }
            "send a code again" => {
                server.clock.advance(Span::minutes(1));
                ann.call(resend(&self.begun, &self.mailed)).await.is_ok()
            }
            "a wrong answer and its retry" => {
                let request = answer(wrong(&self.kasa.code(&self.ann)));
                let (first, retry) = (ann.call(request.clone()).await, ann.call(request).await);
                first.is_ok_and(|first| first.outcome() == Outcome::WrongAnswer && retry == Ok(first))
            }
            "an answer that is refused" => {
                let foreign =
                    proto::AnswerChallengeRequest { subject: session.subject(), ..answer("000000".into()) };
                ann.refused(foreign).await.name() == "CHALLENGE_NOT_FOUND"
            }
            "a newer challenge" => {
                let Some(totp) = self.begun.offers.iter().find(|offer| offer.method() == Method::Totp) else {
                    return false;
                };
                let request = proto::CreateChallengeRequest {
                    subject,
                    purpose: proto::ChallengePurpose::SignIn.into(),
                    factor_id: totp.factor_id.clone(),
                    ..Default::default()
                };
                let Ok(made) = ann.call(request).await else { return false };
                self.asked = made.challenge.unwrap().id;
                true
            }
            "use a session" => self.kasa.is_active(session).await,
            "list by a session" => {
                ann.call(proto::ListFactorsRequest { subject: session.subject() }).await.is_ok()
            }
            "look at an enrollment" => ann
                .call(proto::GetEnrollmentRequest { subject: session.subject(), enrollment_id })
                .await
                .is_ok(),
            "continue an enrollment twice" => {
                ann.redeem(&link("set-up")).await;
                let request = proto::ContinueEnrollmentRequest {
                    subject: session.subject(),
                    enrollment_id,
                    request_id: id,
                };
                let (first, retry) = (ann.call(request.clone()).await, ann.call(request).await);
                first.is_ok() && first == retry
            }
            "a wrong first code" => {
                let request = proto::CompleteEnrollmentRequest {
                    subject: session.subject(),
                    enrollment_id,
                    answer: by_first_code("000000"),
                    request_id: id,
                };
                ann.call(request).await.is_ok_and(|done| done.outcome() == Outcome::WrongAnswer)
            }
            "a link of another kind" => ann.redeem(&link("reset")).await == Outcome::WrongAnswer,
            "a confirmation that proves nothing" => {
                let bare = proto::ConfirmEmailRequest { token: link("verification"), ..Default::default() };
                let foreign = confirm_email(&link("verification"), session);
                let refused = [ann.refused(bare).await, ann.refused(foreign).await];
                refused.iter().all(|refused| refused.name() == "CONFIRMATION_NOT_PROVED")
            }
            "a verification once more" => {
                let request = proto::RequestEmailVerificationRequest {
                    subject: session.subject(),
                    ..Default::default()
                };
                ann.call(request).await.is_err()
            }
            "another address once more" => self.kasa.ask_for(session, OTHER).await.is_ok(),
            "a reset once more" => {
                let (product, identifier) = ("kasa".to_owned(), self.ann.person.email.clone());
                ann.call(proto::BeginRecoveryRequest { product, identifier, ..Default::default() })
                    .await
                    .is_ok()
            }
            "a password that is not acceptable" => {
                let (product, token) = ("kasa".to_owned(), link("reset"));
                let weak = proto::CompleteRecoveryRequest {
                    product,
                    token,
                    password: "short".into(),
                    ..Default::default()
                };
                ann.call(weak).await.is_err()
            }
            "longer sessions of the product" => {
                let got = self
                    .kasa
                    .admin
                    .ok(proto::GetProductRequest { product: "kasa".into() })
                    .await
                    .product
                    .unwrap();
                let longer = Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 });
                let settings = proto::ProductSettings {
                    session_absolute: longer,
                    session_idle: longer,
                    ..Default::default()
                };
                let paths = ["settings.session_absolute", "settings.session_idle"];
                let change = proto::UpdateProductRequest {
                    product: "kasa".into(),
                    etag: got.etag,
                    settings: Some(settings),
                    update_mask: Some(prost_types::FieldMask { paths: paths.map(str::to_owned).to_vec() }),
                    ..Default::default()
                };
                self.kasa.admin.call(change).await.is_ok()
            }
            "a pass once more" => self.kasa.support().await.call(issue_pass("ann")).await.is_ok(),
            "not me by a link that is none" => ann
                .call(not_me(&link("verification")))
                .await
                .is_ok_and(|said| said.outcome() == Outcome::WrongAnswer),
            "a right answer" => {
                let code = self.kasa.code(&self.ann);
                ann.call(answer(code)).await.is_ok_and(|answered| answered.outcome() == Outcome::Approved)
            }
            "a sign-in that is completed twice" => {
                let request = proto::CompleteSignInRequest { subject, remember_device: true, request_id: id };
                let (first, retry) = (ann.call(request.clone()).await, ann.call(request).await);
                first.is_ok() && first == retry
            }
            other => panic!("no step {other}"),
        }
    }
}

on_both! {
    async fn inv_04_no_operation_moves_an_expiry_later(server) {
        let mut walk = Walk::begin(&server).await;
        let (mut known, mut done) = (expiries(&server).await, BTreeSet::new());
        // Every round takes all steps, and begins with another one: what ends an artifact comes early and late.
        for round in 0..6 {
            walk.sign_in_anew(round).await;
            for n in 0..STEPS.len() {
                let name = STEPS[(n + 7 * round) % STEPS.len()];
                if walk.step(name).await {
                    done.insert(name);
                }
                server.courier.drain_once().await.unwrap();
                server.clock.advance(Span::seconds(7));
                for (row, expiry) in expiries(&server).await {
                    let before = *known.entry(row.clone()).or_insert(expiry);
                    assert!(expiry <= before, "{name} moved {row} later by {} µs", expiry - before);
                    known.insert(row, expiry);
                }
            }
            server.clock.advance(Span::minutes(5));
        }
        let idle: Vec<_> = STEPS.iter().filter(|step| !done.contains(*step)).collect();
        assert!(idle.is_empty(), "these steps never did what they are called: {idle:?}");
        for (table, _) in TABLES {
            let rows = known.keys().filter(|row| row.starts_with(&format!("{table} "))).count();
            assert!(rows > 0, "{table} was never looked at");
        }
    }
}
