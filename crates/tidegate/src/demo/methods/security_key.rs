//! A security key (WebAuthn) as the second step: it signs for one domain, so a page of another one gets nothing.

use anyhow::ensure;
use tidegate_factors::software_key::SoftwareKey;
use tidegate_proto::{
    self as proto, Level, Method, ProofOutcome, answer_challenge_request,
    complete_enrollment_request::Answer, prompt::Prompt, setup::Setup,
};

use super::{DOMAIN, ORIGIN, ask, finish};
use crate::{
    ambient::SystemEntropy,
    demo::{cast::Demo, owner::OwnerApp, teller},
};

const PHISHING_ORIGIN: &str = "https://login.kasa.evil.example";

/// A key, and whose it is.
pub struct HeldKey {
    pub key: SoftwareKey,
    pub account: String,
    pub account_id: String,
}

pub async fn sign_in(demo: &Demo, account: &str) -> anyhow::Result<HeldKey> {
    teller::title(&format!("{account} signs in by a security key"));
    let mut laptop = OwnerApp::new(demo, account, "laptop");
    laptop.sign_in("kasa").await?;
    let mut key = register(&laptop).await?;
    teller::answer(&format!("the mailed link was opened, and a key was registered for {DOMAIN}"));

    let mut tablet = OwnerApp::new(demo, account, "key-tablet");
    let (begun, challenge) = ask(&tablet, Method::Webauthn).await?;
    let prompt = challenge.prompt.and_then(|prompt| prompt.prompt);
    let Some(Prompt::WebauthnOptionsJson(options)) = prompt else { anyhow::bail!("expected: options") };
    for (origin, expected) in [(PHISHING_ORIGIN, ProofOutcome::WrongAnswer), (ORIGIN, ProofOutcome::Approved)]
    {
        let answer = answer_challenge_request::Answer::WebauthnJson(key.sign(&options, origin)?);
        let outcome = tablet.answer_challenge(&begun, &challenge.id, answer).await?;
        ensure!(outcome == expected, "expected {}, not {}", expected.as_str_name(), outcome.as_str_name());
    }
    teller::answer(
        "a page of another domain that relays the key's answer is refused; the page of Kasa is not",
    );
    let session = finish(&mut tablet, &begun, Level::Aal2Phr).await?;
    Ok(HeldKey { key, account: account.to_owned(), account_id: session.account_id })
}

async fn register(laptop: &OwnerApp<'_>) -> anyhow::Result<SoftwareKey> {
    let method = Method::Webauthn.into();
    let request = proto::BeginEnrollmentRequest { method, label: "key ring".into(), ..Default::default() };
    let (id, Setup::WebauthnOptionsJson(options)) = laptop.set_up(request).await? else {
        anyhow::bail!("no options for a key were returned");
    };
    let (key, made) = SoftwareKey::register(&options, ORIGIN, &SystemEntropy)?;
    laptop.complete_enrollment(&id, Answer::WebauthnJson(made)).await?;
    Ok(key)
}
