//! Somebody else has the password, and an owner has lost everything but the password and the mailbox.

use anyhow::{Context as _, ensure};
use tidegate_proto as proto;

use super::{cast::Demo, mailbox, owner::OwnerApp, people, teller};

/// What the owner chooses after the old one became known.
const NEW_PASSWORD: &str = "seven blue kettles sing";

pub async fn not_me(demo: &Demo, account: &str) -> anyhow::Result<()> {
    teller::title(&format!("Somebody has the password of {account}"));
    let mut stranger = OwnerApp::new(demo, account, "strange-device");
    stranger.sign_in("kasa").await?;
    let address = people::email(account);
    mailbox::told(&demo.mails, &address, "New sign-in").await?;
    teller::answer(&format!(
        "a sign-in from a device that the account does not know: a mail tells {address}"
    ));
    let token = mailbox::link(&demo.mails, &address, "not-me").await?;
    ensure!(stranger.is_served().await?, "expected: an opened page changes nothing");
    teller::answer("the owner opens the page \"this wasn't me\" of that mail, which changes nothing");
    let mut owner = OwnerApp::new(demo, account, "own-phone");
    let said = owner.was_not_me("kasa", token).await?;
    ensure!(said.outcome() == proto::ProofOutcome::Approved && said.password_demanded, "expected: secured");
    ensure!(!stranger.is_served().await?, "expected: the stranger is signed out");
    ensure!(stranger.begin("kasa").await.is_err(), "expected: the password counts no more");
    teller::answer(
        "the owner presses the button: the stranger is signed out, and the password counts no more",
    );

    let token = mailbox::link(&demo.mails, &address, "reset").await?;
    let outcome = owner.set_password("kasa", token, NEW_PASSWORD).await?;
    ensure!(outcome == proto::ProofOutcome::Approved, "expected: a new password");
    owner.sign_in("kasa").await?;
    teller::answer("a second mail has a link to set a new password: the owner is in again");
    Ok(())
}

pub async fn helped(demo: &Demo, account: &str) -> anyhow::Result<()> {
    teller::title(&format!("{account} loses the phone again, and has no recovery codes at hand"));
    let request = proto::ResetFactorsRequest {
        account: account.to_owned(),
        product: "kasa".into(),
        reason: "ticket 4711: phone stolen, caller verified".into(),
        ..Default::default()
    };
    let reset = demo.support.enrollments().reset_factors(request).await.context("ResetFactors")?;
    let reset = reset.into_inner();
    teller::answer(&format!(
        "support removes what was on the phone, and never sees a code: an access pass was mailed to {}",
        reset.sent_to
    ));
    let mut phone = OwnerApp::new(demo, account, "third-phone");
    let begun = phone.begin("kasa").await?;
    let pass = mailbox::pass(&demo.mails, &people::email(account), "Your access pass").await?;
    ensure!(
        phone.recover(&begun, &pass).await? == proto::ProofOutcome::Approved,
        "expected: the pass is good"
    );
    let completed = phone.complete(&begun, false).await?;
    ensure!(completed.advice() == proto::Advice::RebindFactors, "expected: re-bind");
    teller::answer("password and pass, two channels, give a session that can only set a second step up anew");
    let authenticator = phone.add_authenticator().await?;
    let begun = phone.begin("kasa").await?;
    let code = authenticator.code()?;
    ensure!(phone.answer(&begun, &code).await? == proto::ProofOutcome::Approved, "expected: approved");
    phone.complete(&begun, false).await?;
    ensure!(phone.is_served().await?, "expected: a full session");
    teller::answer("a sign-in with the new app: a full session again");
    Ok(())
}
