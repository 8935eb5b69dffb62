//! A push prompt: the sign-in shows a number, and the person types it on the phone.

use anyhow::{Context as _, bail, ensure};
use tidegate_client::{Device, DeviceKey, PushDecision};
use tidegate_proto::{
    self as proto, Level, Method, ProofOutcome, begin_enrollment_request::About,
    complete_enrollment_request::Answer, prompt::Prompt, setup::Setup,
};

use super::{ask, finish};
use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    demo::{TIMEOUT, cast::Demo, owner::OwnerApp, teller},
};

pub async fn sign_in(demo: &Demo, laptop: &OwnerApp<'_>) -> anyhow::Result<()> {
    teller::title(&format!("{} signs in by a push prompt", laptop.account));
    let phone = enroll_device(demo, laptop, Method::Push).await?;
    teller::answer("the session of the passkey enrolls a phone: nothing is mailed");

    let mut tablet = OwnerApp::new(demo, &laptop.account, "push-tablet");
    let (begun, challenge) = ask(&tablet, Method::Push).await?;
    let prompt = challenge.prompt.and_then(|prompt| prompt.prompt);
    let Some(Prompt::Push(shown)) = prompt else { bail!("expected: a number") };
    let push = received(&phone, &challenge.id).await?;
    let decision = PushDecision::Approve { number: &shown.number };
    let outcome = phone.respond(&push, decision, String::new()).await?;
    ensure!(outcome == ProofOutcome::Approved, "expected: approved");
    teller::answer(&format!("the sign-in shows {}, and the person typed it on the phone", shown.number));
    finish(&mut tablet, &begun, Level::Aal2).await?;
    Ok(())
}

/// Makes a key for a device, and enrolls it.
pub async fn enroll_device(demo: &Demo, laptop: &OwnerApp<'_>, method: Method) -> anyhow::Result<Device> {
    let key = DeviceKey::generate(&SystemEntropy);
    let device = proto::DeviceKey { public_key: key.public_key(), push_address: None };
    let request = proto::BeginEnrollmentRequest {
        method: method.into(),
        about: Some(About::Device(device)),
        label: "phone".into(),
        ..Default::default()
    };
    let (id, Setup::Device(setup)) = laptop.set_up(request).await? else {
        bail!("no set-up of a device was returned");
    };
    let answer = Answer::Decision(key.sign_enrollment(&setup.nonce));
    let factor = laptop.complete_enrollment(&id, answer).await?.factor.context("a factor")?;
    Ok(Device::new(demo.device_app.clone(), key, factor.id, AuthorityClock::host))
}

/// Follows what waits for the device, until the push of the challenge is there.
pub async fn received(device: &Device, challenge_id: &str) -> anyhow::Result<proto::Push> {
    let mut watch = device.watch(None);
    let received = async {
        loop {
            let pushes = watch.next().await?;
            if let Some(push) = pushes.into_iter().find(|push| push.challenge_id == challenge_id) {
                return Ok(push);
            }
        }
    };
    tokio::time::timeout(TIMEOUT, received).await.context("the device received nothing")?
}
