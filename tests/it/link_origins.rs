//! Every generated link begins with the page of the product that acted, whatever the request says (INV-31).

use std::collections::BTreeSet;

use tidegate_core::Span;
use tidegate_proto::{self as proto, subject::Who};
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use crate::{
    actor::Actor,
    addresses::OTHER,
    arrange::{Address, Person},
    owner::{Device, Session, by_code, by_first_code, subject},
    rpc::{self, Rpc},
    setting::{Kasa, wrong},
    test_server::TestServer,
};

const EVIL: &str = "evil.example";
/// What proxies and browsers say of the host that was asked for.
const HEADERS: [&str; 10] = [
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-original-host",
    "x-original-url",
    "x-host",
    "forwarded",
    "origin",
    "referer",
];

/// Calls as a proxy that lies: in `:authority`, in every header, and in the client's user agent.
async fn forged<M: Rpc>(actor: &Actor, request: M) -> M::Answer {
    let mut request = actor.signed(request);
    for header in HEADERS {
        request.metadata_mut().insert(header, format!("https://{EVIL}/").parse().unwrap());
    }
    let mut grpc = actor.grpc();
    grpc.ready().await.unwrap();
    let codec: ProstCodec<M, M::Answer> = ProstCodec::default();
    grpc.unary(request, rpc::path_of(M::method()), codec).await.unwrap().into_inner()
}

fn client(device: &str) -> proto::ClientContext {
    proto::ClientContext { device_id: device.into(), user_agent: format!("//{EVIL}/"), ..Default::default() }
}

fn of(session: &Session) -> Option<proto::Subject> {
    session.subject().map(|subject| proto::Subject { client: Some(client("")), ..subject })
}

/// Everything at this product that mails a link.
async fn acts(kasa: &Kasa, liar: &Actor, product: &str) -> Vec<Person> {
    let server = &kasa.server;
    let name = |who: &str| format!("{who}-{product}");
    let ann = kasa.admin.person(&name("ann")).await;
    let bob = kasa.admin.person_with(&name("bob"), Address::Unverified).await;
    let session = kasa.frontend.sign_in(&ann, product, &Device::new("first")).await;
    let bobs = kasa.frontend.sign_in(&bob, product, &Device::new("first")).await;

    forged(liar, proto::RequestEmailVerificationRequest { subject: of(&bobs), ..Default::default() }).await;
    let (subject, email) = (of(&session), format!("{product}-{OTHER}"));
    forged(liar, proto::RequestEmailChangeRequest { subject, email: email.clone(), ..Default::default() })
        .await;
    let (subject, method) = (of(&session), proto::Method::Totp.into());
    let begun = forged(liar, proto::BeginEnrollmentRequest { subject, method, ..Default::default() }).await;
    let enrollment_id = begun.enrollment.unwrap().id;
    let mails = server.mails_to(&ann.email).await;
    kasa.frontend.redeem(&mails.last().unwrap().token).await;
    let seed = kasa.frontend.continue_enrollment(&session, &enrollment_id).await;
    let (subject, answer) = (of(&session), by_first_code(server.code(&seed)));
    forged(liar, proto::CompleteEnrollmentRequest { subject, enrollment_id, answer, ..Default::default() })
        .await;

    server.clock.advance(Span::days(2));
    // A new device, wrong second steps after a right password, and what ten of them demand.
    for n in 0..3 {
        let request = proto::BeginSignInRequest {
            client: Some(client(&format!("device-{n}"))),
            ..kasa.frontend.begin_request(&ann, product, &Device::new(""))
        };
        let begun = forged(liar, request).await;
        let token = begun.sign_in_token;
        let mut subject = subject_of(&token);
        let factor_id = begun.sign_in.unwrap().offers[0].factor_id.clone();
        let purpose = proto::ChallengePurpose::SignIn.into();
        let create = proto::CreateChallengeRequest {
            subject: subject.clone(),
            purpose,
            factor_id,
            ..Default::default()
        };
        let challenge_id = forged(liar, create).await.challenge.unwrap().id;
        let code = server.code(&seed);
        let codes = if n == 0 { vec![code] } else { vec![wrong(&code); 5] };
        for code in codes {
            let (challenge_id, answer) = (challenge_id.clone(), by_code(code));
            let request = proto::AnswerChallengeRequest {
                subject: subject.clone(),
                challenge_id,
                answer,
                ..Default::default()
            };
            forged(liar, request).await;
        }
        if n == 0 {
            subject.as_mut().unwrap().client = Some(client("device-0"));
            forged(liar, proto::CompleteSignInRequest { subject, ..Default::default() }).await;
        }
    }
    let request = proto::BeginRecoveryRequest {
        product: product.to_owned(),
        identifier: bob.email.clone(),
        client: Some(client("strange")),
        ..Default::default()
    };
    forged(liar, request).await;
    // An account that is created with an address is asked to confirm it.
    let external_id = name("carol");
    let email_of_carol = format!("{external_id}@example.com");
    let request = proto::CreateAccountRequest {
        external_id: external_id.clone(),
        email: email_of_carol.clone(),
        product: product.to_owned(),
        ..Default::default()
    };
    forged(liar, request).await;
    let person = |email: String| Person { email, ..ann.clone() };
    vec![ann.clone(), bob, person(email), person(email_of_carol)]
}

fn subject_of(token: &str) -> Option<proto::Subject> {
    subject(Who::SignInToken(token.to_owned()))
}

/// The words of a text that open a page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| word.contains("://") || word.contains("=tgl_"))
}

fn liar(server: &TestServer, kasa: &Kasa) -> Actor {
    let lying: http::Uri = format!("https://{EVIL}").parse().unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap().origin(lying);
    kasa.frontend.at(endpoint.connect_lazy())
}

on_both! {
    async fn inv_31_every_mailed_link_opens_the_page_of_the_product_that_acted(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("camera").await;
        let rollout = kasa.admin.rollout("camera", &["camera"], &[1_000_000]).await;
        kasa.admin.start(&rollout).await;
        let liar = liar(&server, &kasa);
        for product in ["kasa", "camera"] {
            let (page, mut kinds) = (format!("https://{product}.example/confirm#"), BTreeSet::new());
            for person in acts(&kasa, &liar, product).await {
                for mail in server.mails_to(&person.email).await {
                    for link in links(&mail.text) {
                        let token = link.trim_end_matches(['.', '>']).strip_prefix(&page);
                        let token = token.unwrap_or_else(|| panic!("{:?} opens {link}", mail.subject));
                        kinds.insert(token.split('=').next().unwrap().to_owned());
                    }
                }
            }
            let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
            assert_eq!(kinds, ["confirm", "not-me", "reset", "verify"], "every kind of link");
        }
    }
}
