//! The owner's authenticator app.

use tidegate_core::{Clock as _, Secret, Span};
use tidegate_factors::totp;

use crate::ambient::AuthorityClock;

pub struct Authenticator {
    seed: Secret<Vec<u8>>,
    clock: AuthorityClock,
}

impl Authenticator {
    pub fn scan(otpauth_uri: &str) -> anyhow::Result<Self> {
        let seed = totp::read_uri(&Secret::new(otpauth_uri.to_owned()))?;
        Ok(Self { seed, clock: AuthorityClock::default() })
    }

    pub fn code(&self) -> anyhow::Result<Secret<String>> {
        Ok(totp::generate(&self.seed, self.clock.now())?)
    }

    /// The code of the previous time step. It is still accepted. Using it leaves the current one
    /// for the next sign-in, so that the demo need not wait for half a minute.
    pub fn code_before(&self) -> anyhow::Result<Secret<String>> {
        Ok(totp::generate(&self.seed, self.clock.now().minus(Span::seconds(30)))?)
    }
}
