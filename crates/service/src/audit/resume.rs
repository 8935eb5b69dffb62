//! Resume tokens: a reader's sealed cursor, valid for one realm and one method.

use tidegate_core::{Refusal, Sealed, Secret, Sequence};
use tidegate_keyring::SealContext;

use crate::{Fault, QueryContext};

/// The bytes of a sealed resume token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken(pub Vec<u8>);

impl QueryContext {
    /// The token for a reader that has everything up to `at`.
    pub(super) fn resume_token(&self, method: &'static str, at: Sequence) -> Result<ResumeToken, Fault> {
        let plain = Secret::new(at.0.to_be_bytes().to_vec());
        let sealed = self.keyring().seal(&self.resume_context(method), &plain, self.entropy())?;
        Ok(ResumeToken(sealed.0))
    }

    pub(super) fn resumed(&self, method: &'static str, token: &ResumeToken) -> Result<Sequence, Refusal> {
        let opened = self.keyring().open(&self.resume_context(method), &Sealed(token.0.clone()));
        let plain = opened.map_err(|_| Refusal::ResumeTokenNotValid)?;
        let bytes = plain.expose().as_slice().try_into().map_err(|_| Refusal::ResumeTokenNotValid)?;
        Ok(Sequence(i64::from_be_bytes(bytes)))
    }

    fn resume_context(&self, method: &'static str) -> SealContext {
        SealContext::ResumeToken { realm: self.realm(), method }
    }
}
