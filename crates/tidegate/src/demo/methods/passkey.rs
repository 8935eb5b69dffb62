//! The same key as a passkey: the first factor, without an identifier and a password. It verifies its user, so it is two
//! factors at once.

use anyhow::ensure;
use tidegate_proto::{Level, SignInState};

use super::{ORIGIN, finish, security_key::HeldKey};
use crate::demo::{cast::Demo, owner::OwnerApp, teller};

/// Returns the app that is signed in.
pub async fn sign_in<'d>(demo: &'d Demo, held: &mut HeldKey) -> anyhow::Result<OwnerApp<'d>> {
    teller::title("The same key as a passkey: no address and no password");
    let mut laptop = OwnerApp::new(demo, &held.account, "passkey-laptop");
    let options = laptop.passkey_options("kasa").await?;
    let begun = laptop.begin_by_passkey("kasa", held.key.sign(&options, ORIGIN)?).await?;
    ensure!(begun.sign_in.state() == SignInState::Ready, "expected: nothing more is asked");
    teller::answer(&format!("the key names {}; no second step is asked", held.account));
    let session = finish(&mut laptop, &begun, Level::Aal2Phr).await?;
    ensure!(session.account_id == held.account_id, "expected: the account of the key");
    Ok(laptop)
}
