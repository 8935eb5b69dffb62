//! A reply that is lost after the commit (INV-7): the artifact is consumed, a retry with the same request id gets the
//! same outcome, and another call gets nothing.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    actor::Actor,
    arrange::NEW_PASSWORD,
    owner::{Device, by_code, confirm_email},
    passwords::reset_by,
    raw,
    rpc::Rpc,
    serving::channel,
    setting::Kasa,
    test_server::TestServer,
};

const ONE: &str = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f";
const OTHER: &str = "0b0e0d0c-1111-4222-8333-444455556666";

/// A proxy in front of the server. It forwards calls, and can drop the replies.
struct Lossy {
    actor: Actor,
    deaf: watch::Sender<bool>,
}

impl Lossy {
    async fn before(server: &TestServer, actor: &Actor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, target) = (listener.local_addr().unwrap(), server.address);
        let (deaf, is_deaf) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let (mut calls, mut replies) = caller.into_split();
                let (mut from, mut to) = TcpStream::connect(target).await.unwrap().into_split();
                let is_deaf = is_deaf.clone();
                tokio::spawn(async move { copy(&mut calls, &mut to).await });
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut bytes).await {
                        if !*is_deaf.borrow() && replies.write_all(&bytes[..count]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { actor: actor.at(channel(address)), deaf }
    }
}

/// Calls, and hangs up as soon as the commit shows in the database. The reply never arrives.
async fn lose<M: Rpc>(kasa: &Kasa, request: M, committed: &str) {
    let lossy = Lossy::before(&kasa.server, &kasa.frontend).await;
    // The connection is up before replies are dropped.
    lossy.actor.ok(proto::WhoAmIRequest {}).await;
    assert_eq!(raw::count(&kasa.server, committed).await, 0, "it shows the commit");
    lossy.deaf.send_replace(true);
    tokio::select! {
        answer = lossy.actor.call(request) => panic!("it was answered: {:?}", answer.map(drop)),
        () = raw::appears(&kasa.server, committed) => {}
    }
}

on_both! {
    async fn inv_07_an_answer_whose_reply_is_lost_is_spent(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
        let (other, others) = kasa.asked(&owner, "laptop").await;
        let code = kasa.code(&owner);
        let request = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge_id.clone(),
            answer: by_code(code.clone()),
            request_id: ONE.into(),
        };
        lose(&kasa, request.clone(), "SELECT count(*) FROM challenges WHERE state = 'approved'").await;
        assert_eq!(kasa.frontend.answer(&other, &others, &code).await.outcome(), Outcome::Replayed);
        assert_eq!(kasa.frontend.answer(&begun, &challenge_id, &code).await.outcome(), Outcome::AlreadyApproved);
        assert_eq!(kasa.frontend.ok(request).await.outcome(), Outcome::Approved, "the retry is the first call");
        assert_eq!(kasa.frontend.finish(&other, &Device::new("laptop")).await.unwrap_err().name(), "SIGN_IN_STATE");
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        assert_eq!(session.answer.session.unwrap().level(), proto::Level::Aal2);
        assert_eq!(raw::count(&server, "SELECT COALESCE(SUM(in_row), 0) FROM attempts").await, 0);
    }

    async fn inv_07_a_sign_in_whose_reply_is_lost_makes_one_session(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        let request = proto::CompleteSignInRequest {
            subject: begun.subject(),
            remember_device: true,
            request_id: ONE.into(),
        };
        lose(&kasa, request.clone(), "SELECT count(*) FROM sessions").await;
        let other = proto::CompleteSignInRequest { request_id: OTHER.into(), ..request.clone() };
        assert_eq!(kasa.frontend.refused(other).await.name(), "SIGN_IN_STATE");
        let first = kasa.frontend.ok(request.clone()).await;
        assert_eq!(kasa.frontend.ok(request).await, first);
        let introspect = proto::IntrospectRequest { session_token: first.session_token };
        let shown = kasa.frontend.ok(introspect).await;
        assert_eq!((shown.active, shown.session.unwrap().id), (true, first.session.unwrap().id));
        assert_eq!(raw::count(&server, "SELECT count(*) FROM sessions").await, 1);
    }

    async fn inv_07_a_link_whose_reply_is_lost_is_redeemed(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let enrollment = kasa.frontend.begin_enrollment(&session).await;
        let token = server.mail_to(&person.email).await.token;
        let request = proto::RedeemLinkRequest { token: token.clone(), request_id: ONE.into() };
        lose(&kasa, request.clone(), "SELECT count(*) FROM links WHERE used_at IS NOT NULL").await;
        assert_eq!(kasa.frontend.redeem(&token).await, Outcome::Replayed);
        assert_eq!(kasa.frontend.ok(request).await.outcome(), Outcome::Approved);
        kasa.frontend.continue_enrollment(&session, &enrollment).await;
    }

    async fn inv_07_a_reset_whose_reply_is_lost_is_done(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let token = kasa.reset_link(&person).await;
        let request =
            proto::CompleteRecoveryRequest { request_id: ONE.into(), ..reset_by(&token, NEW_PASSWORD) };
        lose(&kasa, request.clone(), "SELECT count(*) FROM links WHERE used_at IS NOT NULL").await;
        let thiefs = reset_by(&token, "nine green lanterns hum");
        assert_eq!(kasa.frontend.ok(thiefs).await.outcome(), Outcome::Replayed);
        assert_eq!(kasa.frontend.ok(request).await.outcome(), Outcome::Approved);
        let begun = kasa.begin_with(&person, &Device::new("phone"), NEW_PASSWORD).await;
        assert_eq!(begun.state, proto::SignInState::Ready);
    }

    async fn inv_07_a_confirmation_whose_reply_is_lost_is_done(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.ask_for(&session, crate::addresses::OTHER).await.unwrap();
        let token = server.mail_to(crate::addresses::OTHER).await.token;
        let request = proto::ConfirmEmailRequest { request_id: ONE.into(), ..confirm_email(&token, &session) };
        lose(&kasa, request.clone(), "SELECT count(*) FROM links WHERE used_at IS NOT NULL").await;
        assert_eq!(kasa.frontend.ok(confirm_email(&token, &session)).await.outcome(), Outcome::Replayed);
        assert_eq!(kasa.frontend.ok(request).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.account(&person).await.email, crate::addresses::OTHER);
    }

    /// Without a request id a caller learns that it was spent, and nothing else.
    async fn inv_07_a_lost_recovery_code_is_spent(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.lost(&owner).await;
        let code = owner.enrolled.recovery_codes[0].clone();
        let answer = by_code(code.clone());
        let request = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge_id.clone(),
            answer,
            ..Default::default()
        };
        lose(&kasa, request, "SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL").await;
        let again = kasa.frontend.answer(&begun, &challenge_id, &code).await.outcome();
        assert_eq!(again, Outcome::AlreadyApproved);
        server.clock.advance(Span::seconds(1));
        let (other, challenge) = kasa.lost(&owner).await;
        assert_eq!(kasa.frontend.answer(&other, &challenge, &code).await.outcome(), Outcome::WrongAnswer);
    }
}
