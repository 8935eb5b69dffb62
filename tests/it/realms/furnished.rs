//! Realms with one of everything in them, and names that belong to nothing.

use tidegate_core::{Role, Span};
use tidegate_proto::{self as proto, ProofOutcome, subject::Who};

use crate::{
    actor::Actor,
    arrange::Address,
    owner::{Device, Seed, Session, SignIn, confirm_email, subject},
    test_server::{CredentialSpec, TestServer},
};

/// Every kind of name that a request can have.
#[derive(Clone)]
pub struct RealmNames {
    pub account: String,
    pub external_id: String,
    pub email: String,
    pub product: String,
    pub rollout: String,
    pub customer: String,
    pub customer_page_token: String,
    pub credential: String,
    /// Page tokens of accounts, credentials, events, products and rollouts.
    pub page_tokens: [String; 5],
    pub session_token: String,
    pub sign_in_token: String,
    /// Of a session on the device phone-1.
    pub refresh_token: String,
    pub email_link: String,
    pub enrollment_link: String,
    pub session: String,
    pub challenge: String,
    pub factor: String,
    pub enrollment: String,
    /// A challenge of the session.
    pub change_challenge: String,
}

/// An account with one of everything.
pub struct Furnished {
    pub names: RealmNames,
    pub seed: Seed,
    pub asked: SignIn,
    /// Of who has a link to verify an address.
    pub bobs: Session,
}

/// A realm with two products, and rollouts at one of them. Returns its operator, quiet.
pub async fn realm(server: &TestServer, realm: &str) -> Actor {
    server.realm(realm).await;
    let operator = server
        .with_credential("operator", CredentialSpec { realm, ..CredentialSpec::of(Role::Operator) })
        .await
        .quiet();
    let product = operator.product(&format!("{realm}-app")).await.key;
    operator.refreshing(&product, Span::days(30)).await;
    operator.product(&format!("{realm}-web")).await;
    operator.start(&operator.rollout(&format!("{realm}-two-step"), &[&product], &[1_000_000]).await).await;
    operator.rollout(&format!("{realm}-later"), &[&product], &[]).await;
    for customer in ["customer", "other"] {
        operator.customer(&format!("{realm}-{customer}")).await;
    }
    server.with_credential("second", CredentialSpec { realm, ..CredentialSpec::of(Role::Frontend) }).await;
    operator
}

async fn page_tokens(operator: &Actor) -> [String; 5] {
    [
        operator.ok(proto::ListAccountsRequest { page_size: 1, ..Default::default() }).await.next_page_token,
        operator
            .ok(proto::ListCredentialsRequest { page_size: 1, ..Default::default() })
            .await
            .next_page_token,
        operator.ok(proto::ListEventsRequest { page_size: 1, ..Default::default() }).await.next_page_token,
        operator.ok(proto::ListProductsRequest { page_size: 1, ..Default::default() }).await.next_page_token,
        operator.ok(proto::ListRolloutsRequest { page_size: 1, ..Default::default() }).await.next_page_token,
    ]
}

/// Two-step is on for `name`; two others have a link in their mail.
pub async fn furnish(operator: &Actor, realm: &str, name: &str) -> Furnished {
    let (phone, product) = (Device::new("phone-1"), format!("{realm}-app"));
    let ann = operator.person(name).await;
    let bob = operator.person_with(&format!("{name}-bob"), Address::Unverified).await;
    let cat = operator.person(&format!("{name}-cat")).await;
    let session = operator.sign_in(&ann, &product, &phone).await;
    let enrolled = operator.enroll(&session, &ann).await;
    let asked = operator.begin(&ann, &product, &Device::new("tablet-1")).await;
    let challenge = operator.challenge(&asked).await;
    let change_challenge = operator.change_challenge(&session, &enrolled.factor).await;
    let bobs = operator.sign_in(&bob, &product, &phone).await;
    operator
        .ok(proto::RequestEmailVerificationRequest { subject: bobs.subject(), ..Default::default() })
        .await;
    let cats = operator.sign_in(&cat, &product, &phone).await;
    let enrollment = operator.begin_enrollment(&cats).await;
    let names = RealmNames {
        account: ann.id,
        external_id: ann.external_id,
        email: ann.email,
        product,
        rollout: format!("{realm}-two-step"),
        customer: format!("{realm}-customer"),
        customer_page_token: operator
            .ok(proto::ListCustomersRequest { page_size: 1, ..Default::default() })
            .await
            .next_page_token,
        credential: operator.credential.clone(),
        page_tokens: page_tokens(operator).await,
        session_token: session.token,
        sign_in_token: asked.token.clone(),
        refresh_token: cats.answer.refresh_token,
        email_link: operator.server.mail_to(&bob.email).await.token,
        enrollment_link: operator.server.mail_to(&cat.email).await.token,
        session: session.id,
        challenge,
        factor: enrolled.factor,
        enrollment,
        change_challenge,
    };
    Furnished { names, seed: enrolled.seed, asked, bobs }
}

/// Checks that the refused calls of others have changed nothing.
pub async fn is_unharmed(operator: &Actor, furnished: &Furnished) {
    let Furnished { names, seed, asked, bobs } = furnished;
    let server = &operator.server;
    server.pass(Span::seconds(30));
    assert!(
        operator.ok(proto::IntrospectRequest { session_token: names.session_token.clone() }).await.active
    );
    let subject = subject(Who::SessionToken(names.session_token.clone()));
    let request = proto::GetChallengeRequest { subject, challenge_id: names.change_challenge.clone() };
    let challenge = operator.ok(request).await.challenge.unwrap();
    assert_eq!((challenge.state(), challenge.tries_left), (proto::ChallengeState::Open, 5));
    let answer = operator.answer(asked, &names.challenge, &server.code(seed)).await;
    assert_eq!(answer.outcome(), ProofOutcome::Approved);
    operator.finish(asked, &Device::new("tablet-1")).await.unwrap();
    assert_eq!(operator.redeem(&names.enrollment_link).await, ProofOutcome::Approved);
    let token = names.email_link.clone();
    let confirmed = operator.ok(confirm_email(&token, bobs)).await;
    assert_eq!(confirmed.outcome(), ProofOutcome::Approved);
    let rollout = operator.ok(proto::GetRolloutRequest { rollout: names.rollout.clone() }).await.rollout;
    assert_eq!(rollout.unwrap().etag, "r2");
    let product = operator.ok(proto::GetProductRequest { product: names.product.clone() }).await.product;
    assert_eq!(product.unwrap().etag, "r2");
    let client = Some(Device::new("phone-1").client());
    let refresh_token = names.refresh_token.clone();
    operator.ok(proto::RefreshSessionRequest { refresh_token, client, ..Default::default() }).await;
}

/// Well-formed names that belong to nothing.
pub fn nobodys() -> RealmNames {
    let token = |kind: &str| format!("{kind}_{}", "0".repeat(64));
    let id = |kind: &str| format!("{kind}_01h2xcejqtf2nbrexx3vqjhp41");
    RealmNames {
        account: id("acct"),
        external_id: "nobody".to_owned(),
        email: "nobody@example.com".to_owned(),
        product: "nothing".to_owned(),
        rollout: "nothing".to_owned(),
        customer: "nothing".to_owned(),
        customer_page_token: "00ff".to_owned(),
        credential: id("cred"),
        page_tokens: std::array::from_fn(|_| "00ff".to_owned()),
        session_token: token("tgs"),
        sign_in_token: token("tgi"),
        refresh_token: token("tgf"),
        email_link: token("tgl"),
        enrollment_link: token("tgl"),
        session: id("sess"),
        challenge: id("chl"),
        factor: id("fac"),
        enrollment: id("enr"),
        change_challenge: id("chl"),
    }
}
