//! A security key as the first factor, without an identifier: a passkey (WebAuthn Level 3, discoverable credentials). The
//! key names its account. It must verify its user, by a PIN or a fingerprint, so it is two factors at once (AAL2,
//! resistant to phishing).
//!
//! A signature cannot be guessed, so an answer is not charged to the key. If it were, callers without a valid first factor could
//! close the owner's key (INV-13). Each request takes one answer.

use serde::{Deserialize, Serialize};
use tidegate_core::{RelyingParty, Secret, Span};
use webauthn_rs::prelude::{Credential, DiscoverableAuthentication, PublicKeyCredential};
use webauthn_rs_proto::CollectedClientData;

use crate::{
    method::{Kind as _, Malformed, Opened, Unusable, Verdict},
    webauthn::{self, Key, WebAuthn},
};

/// How long a request waits for its answer; the hard limit is 10 minutes.
pub const TTL: Span = Span::minutes(5);

/// A request for a passkey, before it is stored.
pub struct PasskeyRequest {
    /// What the browser passes to `navigator.credentials.get`, as JSON.
    pub options: String,
    /// 32 random bytes. The answer repeats them, so they name the request.
    pub challenge: Vec<u8>,
    pub material: Opened,
}

/// What the answer to a request must fit.
#[derive(Serialize, Deserialize)]
struct Requested {
    party: RelyingParty,
    state: DiscoverableAuthentication,
}

/// What a browser returned. Nothing of it is verified yet.
#[derive(Debug)]
pub struct PasskeyAnswer {
    credential: PublicKeyCredential,
    /// Names the request.
    pub challenge: Vec<u8>,
    /// The bytes of the account's id (the user handle).
    pub account: [u8; 16],
}

impl PasskeyAnswer {
    /// Reads the JSON of a public key credential.
    pub fn read(json: &Secret<String>) -> Result<Self, Malformed> {
        let credential: PublicKeyCredential =
            serde_json::from_str(json.expose()).map_err(|_| Malformed::Credential)?;
        let client: CollectedClientData = serde_json::from_slice(&credential.response.client_data_json)
            .map_err(|_| Malformed::Credential)?;
        let account = credential.get_user_unique_id().and_then(|user| <[u8; 16]>::try_from(user).ok());
        let account = account.ok_or(Malformed::UserHandle)?;
        Ok(Self { credential, challenge: client.challenge, account })
    }

    /// What the key's factor is found by.
    pub fn lookup(&self) -> &[u8] {
        self.credential.get_credential_id()
    }
}

pub fn ask(party: &RelyingParty) -> Result<PasskeyRequest, Unusable> {
    let began = webauthn::of(party)?.start_discoverable_authentication();
    let (options, state) = began.map_err(|_| Unusable)?;
    let challenge = options.public_key.challenge.as_slice().to_vec();
    let requested = Requested { party: party.clone(), state };
    let material = serde_json::to_vec(&requested).map(Secret::new).map_err(|_| Unusable)?;
    Ok(PasskeyRequest { options: webauthn::json(&options.public_key)?, challenge, material })
}

/// Evaluates the answer of a key. Pure: the caller deletes the request and raises the mark.
pub fn verify(key: &Opened, requested: &Opened, answer: &PasskeyAnswer) -> Result<Verdict, Unusable> {
    let Key::Registered { party, key } = WebAuthn::open(key)? else { return Err(Unusable) };
    let requested: Requested = serde_json::from_slice(requested.expose()).map_err(|_| Unusable)?;
    if requested.party.id != party {
        return Ok(Verdict::Wrong);
    }
    let webauthn = webauthn::of(&requested.party)?;
    let credential = Credential::from(key.clone());
    let verified =
        webauthn.finish_discoverable_authentication_v2(&answer.credential, requested.state, credential);
    webauthn::judge(verified, key, party)
}
