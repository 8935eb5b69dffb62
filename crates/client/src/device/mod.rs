//! What the app of an enrolled device does: it asks what waits, shows it, and sends the person's decision.
//!
//! Each call is signed with the key that was enrolled, so the credential alone neither reads a code nor approves a sign-in.

mod key;
mod signed_lines;
mod watch;

use std::sync::Arc;

use tidegate_core::Timestamp;
use tidegate_proto as proto;

pub use key::{DeviceKey, DeviceKeyError};
pub use signed_lines::{PushDecision, PushMethod, Unsignable};
pub use watch::PushWatch;

use crate::{Client, Refused};

/// An enrolled device, and how it reaches the server. Clones share the key.
#[derive(Debug, Clone)]
pub struct Device {
    client: Client,
    key: Arc<DeviceKey>,
    factor_id: String,
    now: fn() -> Timestamp,
}

/// Why a call of a device did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// What the server sent, or what the person typed, cannot be signed.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Device {
    /// `now` reads the device's clock; the server refuses a signature that is more than 2 minutes from its own time.
    pub fn new(client: Client, key: DeviceKey, factor_id: impl Into<String>, now: fn() -> Timestamp) -> Self {
        Self { client, key: Arc::new(key), factor_id: factor_id.into(), now }
    }

    /// What waits now, the newest first. `push_address` replaces the device's address; absent, the address stays.
    ///
    /// # Errors
    /// The address cannot be signed, or the server refused: with `DEVICE_NOT_VALID` if the factor is gone or the clock is
    /// wrong.
    pub async fn list(
        &self,
        push_address: Option<proto::PushAddress>,
    ) -> Result<Vec<proto::Push>, DeviceError> {
        let device = Some(self.proof(PushMethod::ListPushes, push_address.as_ref())?);
        let request = proto::ListPushesRequest { device, push_address };
        let call = async move |client: &Client| client.pushes().list_pushes(request.clone()).await;
        Ok(self.client.retrying(call).await?.into_inner().pushes)
    }

    /// Follows what waits, as it comes up. `push_address` as for [`Device::list`]. The first call is made by
    /// [`PushWatch::next`].
    pub fn watch(&self, push_address: Option<proto::PushAddress>) -> PushWatch {
        PushWatch::new(self.clone(), push_address)
    }

    /// Sends what the person decided about a push prompt. `request_id` is a UUID that the caller chose for this decision:
    /// repeated with the same one, the call returns the first outcome.
    ///
    /// # Errors
    /// The push is not one that is decided, the number is not digits, or the server refused.
    pub async fn respond(
        &self,
        push: &proto::Push,
        decision: PushDecision<'_>,
        request_id: String,
    ) -> Result<proto::ProofOutcome, DeviceError> {
        let request = proto::RespondPushRequest {
            challenge_id: push.challenge_id.clone(),
            decision: Some(self.key.sign_decision(push, decision)?),
            request_id,
        };
        let call = async move |client: &Client| client.pushes().respond_push(request.clone()).await;
        Ok(self.client.retrying(call).await?.into_inner().outcome())
    }

    fn proof(
        &self,
        method: PushMethod,
        address: Option<&proto::PushAddress>,
    ) -> Result<proto::DeviceProof, Unsignable> {
        self.key.sign_request(method, &self.factor_id, (self.now)(), address)
    }
}
