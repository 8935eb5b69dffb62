//! An owner without an authenticator app: the verified address is the second factor, and codes are mailed.

use anyhow::{Context as _, ensure};
use tidegate_proto as proto;

use super::{
    cast::Demo,
    mailbox,
    owner::{OwnerApp, by_code},
    people, teller,
};

pub async fn mail_codes(demo: &Demo, account: &str) -> anyhow::Result<()> {
    teller::title("Kasa counts verified addresses: codes by mail");
    let settings = proto::ProductSettings { email_is_factor: true, ..Default::default() };
    demo.update_kasa(settings, &["settings.email_is_factor"]).await?;
    let mut phone = OwnerApp::new(demo, account, "phone");
    phone.sign_in("kasa").await?;
    let challenge = phone.challenge_mailbox().await?;
    let code = mailbox::code(&demo.mails, &people::email(account), "Your code to confirm").await?;
    ensure!(phone.prove(&challenge.id, &code).await? == proto::ProofOutcome::Approved, "expected: approved");
    ensure!(phone.enable().await?.on, "expected: on");
    teller::answer(&format!("{account} typed the mailed code: two-step is on"));
    ensure!(phone.is_mailbox_only().await?, "expected: only the mailbox");
    teller::answer("the app is told that the mailbox is all that protects the account");

    let mut tablet = OwnerApp::new(demo, account, "tablet");
    let begun = tablet.begin("kasa").await?;
    let offer = begun.offer(proto::Method::EmailCode)?;
    let challenge = tablet.challenge(&begun, offer).await?;
    let code = mailbox::code(&demo.mails, &people::email(account), "Your code to sign in").await?;
    let outcome = tablet.answer_challenge(&begun, &challenge.id, by_code(&code)).await?;
    ensure!(outcome == proto::ProofOutcome::Approved, "expected: approved");
    let session = tablet.complete(&begun, false).await?.session.context("a session")?;
    ensure!(session.level() == proto::Level::Aal1Email, "expected: the level of a mailed code");
    teller::answer(&format!(
        "a sign-in from a tablet: a code was mailed to {}, and the session is of level LEVEL_AAL1_EMAIL",
        offer.hint
    ));
    Ok(())
}
