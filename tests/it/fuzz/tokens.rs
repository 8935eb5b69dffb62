//! Tokens that were changed: each of them is refused, and none is mistaken for another.

use proto::{subject::Who, tail_events_request::Start};
use tidegate_client::Refused;
use tidegate_fuzz::{Input, fuzz};
use tidegate_proto as proto;
use tokio::runtime::Runtime;

use super::scene::Scene;
use crate::{actor::Actor, owner::subject, test_server::TestServer};

fn scene() -> (Runtime, Actor, Scene) {
    let runtime = Runtime::new().unwrap();
    let (operator, scene) = runtime.block_on(async {
        let server = TestServer::sqlite().await;
        (server.operator(), Scene::open(&server).await)
    });
    (runtime, operator, scene)
}

/// Only the token itself is accepted. Any other text is refused, with one of these reasons.
fn only<T>(text: &str, token: &str, answer: Result<T, Refused>, reasons: &[&str]) {
    match answer {
        Ok(_) => assert_eq!(text, token, "another token is accepted"),
        Err(refused) => {
            assert_ne!(text, token, "{refused}");
            assert!(reasons.contains(&refused.name()), "{refused}");
            assert!(!refused.to_string().contains(token), "{refused}");
        }
    }
}

#[test]
fn a_page_token_is_that_of_its_list_or_refused() {
    let (runtime, operator, _scene) = scene();
    let page = |token: &str| {
        let request =
            proto::ListAccountsRequest { page_size: 1, page_token: token.to_owned(), ..Default::default() };
        runtime.block_on(operator.call(request))
    };
    let token = page("").unwrap().next_page_token;
    let request = proto::ListEventsRequest { page_size: 1, ..Default::default() };
    let other = runtime.block_on(operator.ok(request)).next_page_token;
    fuzz!(300, [&token, &other], |input: &Input| {
        let text = input.text();
        if !text.is_empty() {
            only(&text, &token, page(&text), &["INVALID_REQUEST", "PAGE_TOKEN_NOT_VALID"]);
        }
    });
}

#[test]
fn a_resume_token_is_that_of_its_stream_or_refused() {
    let (runtime, operator, _scene) = scene();
    let tail = |start: Start| {
        runtime.block_on(operator.stream(proto::TailEventsRequest { filter: None, start: Some(start) }))
    };
    let token = runtime.block_on(async {
        operator.server.seal().await;
        let start = Some(Start::FromBeginning(true));
        let mut events = operator.stream(proto::TailEventsRequest { filter: None, start }).await.unwrap();
        events.one().await.resume_token
    });
    fuzz!(300, [&token], |input: &Input| {
        let text = input.text();
        let answer = tail(Start::ResumeToken(text.clone().into_owned()));
        only(&text, &token, answer, &["INVALID_REQUEST", "RESUME_TOKEN_NOT_VALID"]);
    });
}

#[test]
fn inv_24_a_session_token_is_itself_or_refused() {
    let (runtime, _, scene) = scene();
    let frontend = &scene.kasa.frontend;
    let (session, sign_in) = (scene.session.token.as_str(), scene.begun.token.as_str());
    let introspect = |token: &str| {
        let subject = subject(Who::SessionToken(token.to_owned()));
        runtime.block_on(frontend.call(proto::GetTwoStepStatusRequest { subject }))
    };
    fuzz!(300, [session, sign_in], |input: &Input| {
        only(&input.text(), session, introspect(&input.text()), &["INVALID_REQUEST", "SUBJECT_NOT_VALID"]);
    });
}

#[test]
fn inv_24_a_credential_is_itself_or_refused() {
    let (runtime, operator, _scene) = scene();
    let token = operator.token.clone().unwrap();
    let who_am_i = |actor: Actor| runtime.block_on(actor.call(proto::WhoAmIRequest {}));
    fuzz!(300, [&token], |input: &Input| {
        let text = input.text();
        let is_header = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
        // Longer headers do not come so far (HTTP 431).
        if is_header && (1..8_192).contains(&text.len()) {
            only(&text, &token, who_am_i(operator.with(&text)), &["UNAUTHENTICATED"]);
        }
    });
}

#[test]
fn a_link_token_is_itself_or_refused() {
    let (runtime, operator, scene) = scene();
    let frontend = &scene.kasa.frontend;
    let other = runtime.block_on(scene.kasa.admin.person("u-9"));
    let token = runtime.block_on(async {
        let device = crate::owner::Device::new("phone-9");
        let session = frontend.sign_in(&other, "kasa", &device).await;
        frontend.begin_enrollment(&session).await;
        operator.server.mail_to(&other.email).await.token
    });
    fuzz!(300, [&token], |input: &Input| {
        let text = input.text();
        let request = proto::RedeemLinkRequest { token: text.clone().into_owned(), ..Default::default() };
        match runtime.block_on(frontend.call(request)) {
            Ok(answer) => {
                assert!(text == token || answer.outcome() != proto::ProofOutcome::Approved, "{text}");
            }
            Err(refused) => assert_eq!(refused.name(), "INVALID_REQUEST", "{refused}"),
        }
    });
}
