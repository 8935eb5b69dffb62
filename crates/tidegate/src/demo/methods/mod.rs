//! One account that gets a factor of every method that the story has not shown yet, and a sign-in by each. One file a
//! method: it enrolls a factor, signs in from a new device, and checks what the session is worth.
//!
//! The first one is confirmed by a mailed link; the session of the passkey then proves who enrolls the others.

mod device_code;
mod passkey;
mod push;
mod security_key;
mod sms_code;

use anyhow::{Context as _, ensure};
use tidegate_proto::{self as proto, Method};

use super::{
    cast::Demo,
    owner::{Begun, OwnerApp},
    teller,
};

/// The domain that keys sign for, and the page that asks them.
const DOMAIN: &str = "kasa.example";
const ORIGIN: &str = "https://login.kasa.example";
/// What Kasa allows from now on, the preferred one first.
const ALLOWED: [Method; 5] =
    [Method::Totp, Method::Webauthn, Method::Push, Method::DeviceCode, Method::SmsCode];

pub async fn all(demo: &Demo, account: &str) -> anyhow::Result<()> {
    teller::title("Kasa allows security keys, push prompts, codes on a device and by SMS");
    allow(demo).await?;
    let mut held = security_key::sign_in(demo, account).await?;
    let laptop = passkey::sign_in(demo, &mut held).await?;
    push::sign_in(demo, &laptop).await?;
    device_code::sign_in(demo, &laptop).await?;
    sms_code::sign_in(demo, &laptop).await
}

async fn allow(demo: &Demo) -> anyhow::Result<()> {
    let party = proto::RelyingParty { id: DOMAIN.into(), origins: vec![ORIGIN.into()], ..Default::default() };
    let settings = proto::ProductSettings {
        relying_party: Some(party),
        allowed_methods: ALLOWED.map(i32::from).to_vec(),
        ..Default::default()
    };
    demo.update_kasa(settings, &["settings.relying_party", "settings.allowed_methods"]).await?;
    teller::answer(&format!("keys sign for {DOMAIN}, at pages of {ORIGIN}"));
    Ok(())
}

/// Begins a sign-in with the password, from a new device, and asks for a challenge by the method.
async fn ask(tablet: &OwnerApp<'_>, method: Method) -> anyhow::Result<(Begun, proto::Challenge)> {
    let begun = tablet.begin("kasa").await?;
    ensure!(begun.sign_in.state() == proto::SignInState::PendingChallenge, "expected: a challenge");
    let challenge = tablet.challenge(&begun, begun.offer(method)?).await?;
    Ok((begun, challenge))
}

/// Completes the sign-in, and checks what the session is worth.
async fn finish(
    app: &mut OwnerApp<'_>,
    begun: &Begun,
    level: proto::Level,
) -> anyhow::Result<proto::Session> {
    let session = app.complete(begun, false).await?.session.context("a session")?;
    ensure!(
        session.level() == level,
        "expected {}, not {}",
        level.as_str_name(),
        session.level().as_str_name()
    );
    teller::answer(&format!("signed in: the session is of level {}", level.as_str_name()));
    Ok(session)
}
