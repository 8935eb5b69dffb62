//! A code by SMS: the number is verified by a first code, and a sign-in by another one.

use anyhow::{bail, ensure};
use tidegate_proto::{
    self as proto, Level, Method, ProofOutcome, begin_enrollment_request::About,
    complete_enrollment_request::Answer, setup::Setup,
};

use super::{ask, finish};
use crate::demo::{
    cast::Demo,
    mailbox,
    owner::{OwnerApp, by_code},
    teller,
};

const NUMBER: &str = "+4915112345678";

pub async fn sign_in(demo: &Demo, laptop: &OwnerApp<'_>) -> anyhow::Result<()> {
    teller::title(&format!("{} signs in by a code by SMS", laptop.account));
    let request = proto::BeginEnrollmentRequest {
        method: Method::SmsCode.into(),
        about: Some(About::Phone(NUMBER.into())),
        ..Default::default()
    };
    let (id, Setup::Sent(sent)) = laptop.set_up(request).await? else { bail!("no code was sent") };
    let code = mailbox::texted(&demo.texts, NUMBER, "confirm this phone number").await?;
    laptop.complete_enrollment(&id, Answer::Code(code.expose().clone())).await?;
    teller::answer(&format!("a code was sent to {}, and verified the number", sent.hint));
    let mut tablet = OwnerApp::new(demo, &laptop.account, "sms-tablet");
    let (begun, challenge) = ask(&tablet, Method::SmsCode).await?;
    let code = mailbox::texted(&demo.texts, NUMBER, "sign in").await?;
    let outcome = tablet.answer_challenge(&begun, &challenge.id, by_code(&code)).await?;
    ensure!(outcome == ProofOutcome::Approved, "expected: approved");
    teller::answer("the person typed the code of the message");
    let session = finish(&mut tablet, &begun, Level::Aal2).await?;
    ensure!(session.restricted, "expected: restricted");
    teller::answer("and is marked as restricted: who takes over the number gets its codes");
    Ok(())
}
