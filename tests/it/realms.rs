//! What belongs to another realm, to another person or to another product answers like what is not there.

use tidegate_core::Role;
use tidegate_proto::{self as proto, EvaluationItem, OnBehalf, subject::Who};

use crate::{
    actor::Actor,
    arrange::Address,
    owner::{Device, Enrolled, SignIn, subject},
    rpc::{Rpc, method_of},
    stage::{Casting, Stage},
    text,
    transcript::refusal,
};

/// Methods that take no name of anything that exists, and why the others here need no probe.
const NO_PROBE: &[(&str, &str)] = &[
    ("CreateAccount", "names only what is new"),
    ("CreateProduct", "names only what is new"),
    ("CreateRealm", "operators see all realms"),
    ("GetRealm", "operators see all realms"),
    ("GetServerInfo", "names nothing"),
    ("ImportAccounts", "names only what is new"),
    ("ListRealms", "operators see all realms"),
    ("WhoAmI", "names nothing"),
];

/// Everything by which somebody can name something.
#[derive(Clone)]
struct Names {
    account: String,
    external_id: String,
    email: String,
    product: String,
    rollout: String,
    credential: String,
    page_token: String,
    session_token: String,
    sign_in_token: String,
    device_token: String,
    email_link: String,
    enrollment_link: String,
    session: String,
    challenge: String,
    factor: String,
    enrollment: String,
}

/// A realm with one of everything.
struct Furnished {
    operator: Actor,
    names: Names,
    enrolled: Enrolled,
    asked: SignIn,
}

async fn furnish(stage: &Stage, realm: &str) -> Furnished {
    stage.realm(realm).await;
    let operator = stage.cast("operator", Casting { realm, ..Casting::of(Role::Operator) }).await.quiet();
    let (product, key) = (format!("{realm}-app"), format!("{realm}-two-step"));
    operator.product(&product).await;
    operator.product(&format!("{realm}-web")).await;
    operator.start(&operator.rollout(&key, &[&product], &[1_000_000]).await).await;
    let (phone, tablet) = (Device::new("phone-1"), Device::new("tablet-1"));
    let ann = operator.person(&format!("{realm}-ann")).await;
    let bob = operator.person_with(&format!("{realm}-bob"), Address::Unverified).await;
    let cat = operator.person(&format!("{realm}-cat")).await;
    let session = operator.sign_in(&ann, &product, &phone).await;
    let enrolled = operator.enroll(&session, &ann).await;
    let asked = operator.begin(&ann, &product, &tablet).await;
    let challenge = operator.challenge(&asked).await;
    let bobs = operator.sign_in(&bob, &product, &phone).await;
    operator.ok(proto::RequestEmailVerificationRequest { subject: bobs.subject(), ..Default::default() }).await;
    let cats = operator.sign_in(&cat, &product, &phone).await;
    let enrollment = operator.begin_enrollment(&cats).await;
    let page = operator.ok(proto::ListAccountsRequest { page_size: 1, ..Default::default() }).await;
    let names = Names {
        account: ann.id,
        external_id: ann.external_id,
        email: ann.email,
        product,
        rollout: key,
        credential: operator.credential.clone(),
        page_token: page.next_page_token,
        session_token: session.token,
        sign_in_token: asked.token.clone(),
        device_token: phone.token(),
        email_link: stage.mail_to(&bob.email).await.token,
        enrollment_link: stage.mail_to(&cat.email).await.token,
        session: session.id,
        challenge,
        factor: enrolled.factor.clone(),
        enrollment,
    };
    Furnished { operator, names, enrolled, asked }
}

/// Well-formed, and nobody's.
fn nobodys() -> Names {
    let token = |kind: &str| format!("{kind}_{}", "0".repeat(64));
    let id = |kind: &str| format!("{kind}_01h2xcejqtf2nbrexx3vqjhp41");
    Names {
        account: id("acct"),
        external_id: "nobody".to_owned(),
        email: "nobody@example.com".to_owned(),
        product: "nothing".to_owned(),
        rollout: "nothing".to_owned(),
        credential: id("cred"),
        page_token: "00ff".to_owned(),
        session_token: token("tgs"),
        sign_in_token: token("tgi"),
        device_token: token("tgd"),
        email_link: token("tgl"),
        enrollment_link: token("tgl"),
        session: id("sess"),
        challenge: id("chl"),
        factor: id("fac"),
        enrollment: id("enr"),
    }
}

/// What was answered, by method.
#[derive(Default)]
struct Answers(Vec<(&'static str, String)>);

impl Answers {
    async fn ask<M: Rpc>(&mut self, actor: &Actor, request: M) {
        let answer = actor.call(request).await;
        let told = answer.map_or_else(|refused| refusal(&refused), |message| text::of(&message));
        self.0.push((M::method(), told));
    }
}

macro_rules! ask {
    ($answers:ident, $actor:ident, $($request:ident { $($field:ident: $value:expr),* $(,)? })+) => {
        $($answers.ask($actor, proto::$request { $($field: $value.into(),)* ..Default::default() }).await;)+
    };
}

/// Names that anybody may know.
async fn by_name(answers: &mut Answers, actor: &Actor, own: &Names, names: &Names) {
    let n = names.clone();
    let item = |product: &str, account: &str| EvaluationItem { product: product.into(), account: account.into() };
    let wave = Some(proto::WaveDraft { title: "all".to_owned(), ..Default::default() });
    let filter = Some(proto::EventFilter { account: n.external_id.clone() });
    let on_behalf = |account: &str, product: &str| {
        let on = OnBehalf { account: account.into(), product: product.into(), reason: "asked".into() };
        subject(Who::OnBehalf(on))
    };
    let mask = prost_types::FieldMask { paths: vec!["title".to_owned()] };
    ask! { answers, actor,
        GetAccountRequest { account: n.account.clone() }
        GetAccountRequest { account: n.external_id.clone() }
        LookupAccountRequest { email: n.email.clone() }
        EvaluateRequest { product: own.product.clone(), account: n.account.clone() }
        EvaluateRequest { product: n.product.clone(), account: own.account.clone() }
        BatchEvaluateRequest { items: vec![item(&own.product, &n.account), item(&own.product, &n.external_id), item(&n.product, &own.account)] }
        ListEventsRequest { filter: filter }
        GetProductRequest { product: n.product.clone() }
        UpdateProductRequest { product: n.product.clone(), etag: "r1", title: "Mine", update_mask: Some(mask) }
        GetRolloutRequest { rollout: n.rollout.clone() }
        AddWaveRequest { rollout: n.rollout.clone(), etag: "r1", wave: wave }
        StartRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        AdvanceRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        CreateRolloutRequest { key: "grab", title: "Grab", products: vec![n.product.clone()] }
        CreateCredentialRequest { role: proto::RoleType::Frontend, title: "x", holder: "x", products: vec![n.product.clone()] }
        RevokeCredentialRequest { credential: n.credential.clone() }
        BeginSignInRequest { product: own.product.clone(), identifier: n.email.clone(), password: crate::arrange::PASSWORD }
        BeginSignInRequest { product: n.product.clone(), identifier: own.email.clone(), password: crate::arrange::PASSWORD }
        GetTwoStepStatusRequest { subject: on_behalf(&n.account, &own.product) }
        ListFactorsRequest { subject: on_behalf(&own.account, &n.product) }
        ListAccountsRequest { page_token: n.page_token.clone() }
        ListCredentialsRequest { page_token: n.page_token.clone() }
        ListEventsRequest { page_token: n.page_token.clone() }
        ListProductsRequest { page_token: n.page_token.clone() }
        ListRolloutsRequest { page_token: n.page_token.clone() }
    }
}

/// Tokens, which only their owner has.
async fn by_token(answers: &mut Answers, actor: &Actor, names: &Names) {
    let n = names.clone();
    let session = subject(Who::SessionToken(n.session_token.clone()));
    let sign_in = subject(Who::SignInToken(n.sign_in_token.clone()));
    let purpose = proto::ChallengePurpose::SignIn;
    ask! { answers, actor,
        IntrospectRequest { session_token: n.session_token.clone() }
        RequestEmailVerificationRequest { subject: session.clone() }
        GetTwoStepStatusRequest { subject: session.clone() }
        ListFactorsRequest { subject: session.clone() }
        BeginEnrollmentRequest { subject: session.clone(), method: proto::Method::Totp }
        GetEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        ContinueEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        CompleteEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone(), code: "000000" }
        CancelEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        RevokeSessionRequest { subject: session }
        GetSignInRequest { subject: sign_in.clone() }
        CompleteSignInRequest { subject: sign_in.clone() }
        CreateChallengeRequest { subject: sign_in.clone(), purpose: purpose, factor_id: n.factor.clone() }
        GetChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        AnswerChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone(), code: "000000" }
        CancelChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        CancelSignInRequest { subject: sign_in }
        RedeemLinkRequest { token: n.enrollment_link.clone() }
    }
}

/// Ids of what belongs to one person, asked for by another.
async fn by_subject(answers: &mut Answers, actor: &Actor, own: &Names, names: &Names) {
    let n = names.clone();
    let session = subject(Who::SessionToken(own.session_token.clone()));
    let sign_in = subject(Who::SignInToken(own.sign_in_token.clone()));
    let purpose = proto::ChallengePurpose::SignIn;
    ask! { answers, actor,
        GetEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        ContinueEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        CompleteEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone(), code: "000000" }
        CancelEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        RevokeSessionRequest { subject: session, session_id: n.session.clone() }
        CreateChallengeRequest { subject: sign_in.clone(), purpose: purpose, factor_id: n.factor.clone() }
        GetChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        AnswerChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone(), code: "000000" }
        CancelChallengeRequest { subject: sign_in, challenge_id: n.challenge.clone() }
    }
}
