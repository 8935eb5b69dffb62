//! A device code: the phone shows a code, and the person types it at the sign-in.

use anyhow::ensure;
use tidegate_core::Secret;
use tidegate_proto::{Level, Method, ProofOutcome};

use super::{
    ask, finish,
    push::{enroll_device, received},
};
use crate::demo::{
    cast::Demo,
    owner::{OwnerApp, by_code},
    teller,
};

pub async fn sign_in(demo: &Demo, laptop: &OwnerApp<'_>) -> anyhow::Result<()> {
    teller::title(&format!("{} signs in by a device code", laptop.account));
    let phone = enroll_device(demo, laptop, Method::DeviceCode).await?;
    let mut tablet = OwnerApp::new(demo, &laptop.account, "code-tablet");
    let (begun, challenge) = ask(&tablet, Method::DeviceCode).await?;
    let shown = Secret::new(received(&phone, &challenge.id).await?.code);
    let outcome = tablet.answer_challenge(&begun, &challenge.id, by_code(&shown)).await?;
    ensure!(outcome == ProofOutcome::Approved, "expected: approved");
    teller::answer("the phone shows a code, and the person typed it at the sign-in");
    finish(&mut tablet, &begun, Level::Aal1Email).await?;
    Ok(())
}
