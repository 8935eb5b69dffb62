//! A code of 6 digits that an enrolled device shows, and the person types at the sign-in. A person who is deceived may type it
//! into a wrong page, so it is worth no more than a mailed code.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answer, AnswerForm, Channel, Entropy, Level, Mark, Method, Prompt, Recipient, Secret, Setup, Timestamp,
};

use crate::{
    code,
    enrolled_device::Device,
    method::{
        About, Asked, Consumes, Enrolled, FirstProof, Kind, Malformed, Occasion, Opened, Outgoing, Reach,
        Rules, SECOND_FACTOR, Unusable, Verdict,
    },
    push::Shown,
};

/// Digits of a code; the hard limit is 10^6 values (SP 800-63B-4 §3.1.3).
pub const DIGITS: usize = 6;

pub(crate) struct DeviceCode;

#[derive(Serialize, Deserialize)]
pub(crate) struct ShownCode {
    code: String,
    shown: Shown,
}

impl Drop for ShownCode {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.code);
    }
}

/// What the device shows: the code, and what it is for.
pub fn details(posed: &Opened) -> Result<(Shown, Secret<String>), Unusable> {
    let posed: ShownCode = serde_json::from_slice(posed.expose()).map_err(|_| Unusable)?;
    Ok((posed.shown.clone(), Secret::new(posed.code.clone())))
}

impl Kind for DeviceCode {
    const RULES: Rules = Rules {
        worth: Some(Level::Aal1Email),
        several: true,
        sends: Some(Channel::Push),
        about: Enrolled::Device,
        ..SECOND_FACTOR
    };
    type Material = Device;
    type Posed = ShownCode;

    fn begin(about: About<'_>, entropy: &dyn Entropy) -> Result<(Device, Setup<Secret<String>>), Unusable> {
        Device::begin(about, entropy)
    }

    fn read(device: &Device, _: Option<&ShownCode>, answer: &Answer) -> Result<Secret<String>, Malformed> {
        match (device, answer) {
            (Device::Pending { .. }, answer) => device.read_first(answer),
            (Device::Enrolled { .. }, Answer::Code(typed)) => code::digits(typed, DIGITS),
            (Device::Enrolled { .. }, _) => Err(Malformed::Form(AnswerForm::Code)),
        }
    }

    fn bind(
        pending: Device,
        _: &Secret<String>,
        _: Timestamp,
    ) -> Result<Option<FirstProof<Device>>, Unusable> {
        pending.bind(Method::DeviceCode).map(Some)
    }

    fn pose(
        device: &Device,
        _: Reach<'_>,
        occasion: &Occasion<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Asked<ShownCode>, Unusable> {
        let code = code::mint(DIGITS, entropy).expose().clone();
        let address = device.address()?.cloned();
        let outgoing = address.map(|to| Outgoing { to: Recipient::Device(to), code: None });
        let prompt = Prompt::Sent { hint: occasion.label.to_owned() };
        Ok(Asked { posed: Some(ShownCode { code, shown: Shown::of(occasion) }), prompt, outgoing })
    }

    fn verify(
        _: &Device,
        posed: Option<&ShownCode>,
        _: Mark,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Verdict, Unusable> {
        let right = code::is_same(&posed.ok_or(Unusable)?.code, answer);
        Ok(if right { Verdict::Right(Consumes::default()) } else { Verdict::Wrong })
    }
}
