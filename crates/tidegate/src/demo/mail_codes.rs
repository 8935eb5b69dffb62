//! An owner without an authenticator app: the verified address is the second factor, and codes are mailed.

use anyhow::{Context as _, ensure};
use tidegate_proto as proto;

use super::{cast::Demo, mailbox, owner::OwnerApp, people, teller};

pub async fn mail_codes(demo: &Demo, account: &str) -> anyhow::Result<()> {
    teller::title("Kasa counts verified addresses: codes by mail");
    count_addresses(demo).await?;
    let mut phone = OwnerApp::new(demo, account, "phone");
    phone.sign_in("kasa").await?;
    let challenge = phone.challenge_mailbox().await?;
    let code = mailbox::code(&demo.mails, &people::email(account), "Your code to confirm").await?;
    ensure!(phone.prove(&challenge, &code).await? == proto::ProofOutcome::Approved, "expected: approved");
    ensure!(phone.enable().await?.on, "expected: on");
    teller::answer(&format!("{account} typed the mailed code: two-step is on"));
    ensure!(phone.is_mailbox_only().await?, "expected: only the mailbox");
    teller::answer("the app is told that the mailbox is all that protects the account");

    let mut tablet = OwnerApp::new(demo, account, "tablet");
    let begun = tablet.begin("kasa").await?;
    let offer = begun.sign_in.offers.first().context("an offer")?.clone();
    ensure!(offer.method() == proto::Method::EmailCode, "expected: a code by mail");
    let challenge = tablet.challenge(&begun, &offer).await?;
    let code = mailbox::code(&demo.mails, &people::email(account), "Your code to sign in").await?;
    let outcome = tablet.answer_challenge(&begun, &challenge, &code).await?;
    ensure!(outcome == proto::ProofOutcome::Approved, "expected: approved");
    let session = tablet.complete(&begun, false).await?.session.context("a session")?;
    ensure!(session.level() == proto::Level::Aal1Email, "expected: the level of a mailed code");
    teller::answer(&format!(
        "a sign-in from a tablet: a code was mailed to {}, and the session is of level LEVEL_AAL1_EMAIL",
        offer.hint
    ));
    Ok(())
}

async fn count_addresses(demo: &Demo) -> anyhow::Result<()> {
    let products = demo.admin.products();
    let get = proto::GetProductRequest { product: "kasa".into() };
    let kasa = products.clone().get_product(get).await.context("GetProduct")?.into_inner().product;
    let mut update = proto::UpdateProductRequest {
        product: "kasa".into(),
        etag: kasa.context("a product")?.etag,
        settings: Some(proto::ProductSettings { email_is_factor: true, ..Default::default() }),
        ..Default::default()
    };
    update.update_mask.get_or_insert_default().paths.push("settings.email_is_factor".into());
    products.clone().update_product(update).await.context("UpdateProduct")?;
    Ok(())
}
