//! The owner loses the phone with the authenticator app, and comes back by a recovery code.

use anyhow::{Context as _, ensure};
use tidegate_core::Secret;
use tidegate_proto as proto;

use super::{cast::Demo, owner::OwnerApp, teller};

pub async fn lost_phone(demo: &Demo, account: &str, recovery_code: &Secret<String>) -> anyhow::Result<()> {
    teller::title(&format!("{account} loses the phone"));
    let mut phone = OwnerApp::new(demo, account, "new-phone");
    let begun = phone.begin("kasa").await?;
    let lost = begun.sign_in.offers.first().context("an offer")?.factor_id.clone();
    ensure!(
        phone.recover(&begun, recovery_code).await? == proto::ProofOutcome::Approved,
        "expected: the recovery code is good"
    );
    let completed = phone.complete(&begun, false).await?;
    ensure!(completed.advice() == proto::Advice::RebindFactors, "expected: re-bind");
    ensure!(!phone.is_served().await?, "expected: no product serves a recovery session");
    teller::answer(&format!(
        "a recovery code is right, {} are left: the session re-binds factors, and no product serves it",
        completed.recovery_codes_left()
    ));

    let authenticator = phone.add_authenticator().await?;
    phone.remove_factor(&lost).await?;
    let codes = phone.new_recovery_codes().await?;
    teller::answer(&format!(
        "a new app is added, the lost one removed, and {codes} new recovery codes are made"
    ));

    let begun = phone.begin("kasa").await?;
    let code = authenticator.code()?;
    ensure!(phone.answer(&begun, &code).await? == proto::ProofOutcome::Approved, "expected: approved");
    phone.complete(&begun, false).await?;
    ensure!(phone.is_served().await?, "expected: a full session");
    teller::answer("a sign-in with the new app: a full session again");
    Ok(())
}
