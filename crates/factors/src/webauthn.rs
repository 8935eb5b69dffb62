//! Security keys and passkeys (WebAuthn Level 3), as the second step; `passkey` takes them as the first factor. A key signs for one domain, so a page of another one
//! gets nothing that is worth anything here (resistance to phishing).
//!
//! webauthn-rs checks what the standard tells relying parties to check (§7.1 and §7.2), and draws the challenges: the one
//! exception to the rule that randomness is a parameter. What it wants to remember between a question and its answer is
//! kept in the sealed material of the enrollment or challenge, and is worth nothing once that has ended.
//!
//! The mark is the key's signature counter. A counter that does not rise shows that a copy of the key exists.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tidegate_core::{
    Answer, AnswerForm, Entropy, Level, Mark, Prompt, RelyingParty, Secret, Setup, Timestamp,
};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    AttestationCaList, AttestationCaListBuilder, AuthenticationResult, Credential, PublicKeyCredential,
    RegisterPublicKeyCredential, SecurityKey, SecurityKeyAuthentication, SecurityKeyRegistration, Webauthn,
    WebauthnBuilder, WebauthnError,
};
use webauthn_rs_proto::ResidentKeyRequirement;

use crate::method::{
    About, Asked, Consumes, FirstProof, Kind, Malformed, Occasion, Reach, Rules, SECOND_FACTOR, Unusable,
    Verdict,
};

/// What browsers are told; the challenge and the enrollment end by themselves.
const TIMEOUT: Duration = Duration::from_mins(5);

pub(crate) struct WebAuthn;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Key {
    /// It was asked for, and has not answered yet.
    Pending {
        party: RelyingParty,
        state: SecurityKeyRegistration,
    },
    Registered {
        party: String,
        key: SecurityKey,
    },
}

/// What the answer to one challenge must fit.
#[derive(Serialize, Deserialize)]
pub(crate) struct Challenged {
    party: RelyingParty,
    state: SecurityKeyAuthentication,
}

/// The relying party's rules.
pub(crate) fn of(party: &RelyingParty) -> Result<Webauthn, Unusable> {
    let parse = |origin: &str| Url::parse(origin).map_err(|_| Unusable);
    let mut origins = party.origins.iter().map(|origin| parse(origin.as_str()));
    let first = origins.next().ok_or(Unusable)??;
    let mut builder = WebauthnBuilder::new(&party.id, &first).map_err(|_| Unusable)?.timeout(TIMEOUT);
    for origin in origins {
        builder = builder.append_allowed_origin(&origin?);
    }
    builder.build().map_err(|_| Unusable)
}

/// The models of keys that are registered. `None`: any.
fn models(party: &RelyingParty) -> Result<Option<AttestationCaList>, usize> {
    let mut list = AttestationCaListBuilder::new();
    for (place, model) in party.models.iter().enumerate() {
        let (pem, name) = (model.root_pem.as_bytes(), String::new());
        list.insert_device_pem(pem, model.aaguid, name, BTreeMap::new()).map_err(|_| place)?;
    }
    Ok((!party.models.is_empty()).then(|| list.build()))
}

/// The place of a model whose certificate cannot be read.
pub fn unreadable_root(party: &RelyingParty) -> Option<usize> {
    models(party).err()
}

/// The JSON that browsers' `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` take.
pub(crate) fn json(options: &impl Serialize) -> Result<String, Unusable> {
    serde_json::to_string(options).map_err(|_| Unusable)
}

fn parse<T: DeserializeOwned>(answer: &Secret<String>) -> Option<T> {
    serde_json::from_str(answer.expose()).ok()
}

fn counter(counter: u32) -> Option<Mark> {
    // Keys without a counter always say zero.
    (counter > 0).then_some(Mark(i64::from(counter)))
}

/// What a verified assertion is worth, and what it changes in the key.
pub(crate) fn judge(
    verified: Result<AuthenticationResult, WebauthnError>,
    mut key: SecurityKey,
    party: String,
) -> Result<Verdict, Unusable> {
    match verified {
        Ok(result) => {
            let changed = key.update_credential(&result).unwrap_or(false);
            let material = changed.then(|| WebAuthn::write(&Key::Registered { party, key })).transpose()?;
            Ok(Verdict::Right(Consumes { mark: counter(result.counter()), material, code: None }))
        }
        Err(WebauthnError::CredentialPossibleCompromise) => Ok(Verdict::Copied),
        Err(_) => Ok(Verdict::Wrong),
    }
}

impl Kind for WebAuthn {
    const RULES: Rules =
        Rules { worth: Some(Level::Aal2Phr), several: true, needs_relying_party: true, ..SECOND_FACTOR };
    type Material = Key;
    type Posed = Challenged;

    fn begin(about: About<'_>, _: &dyn Entropy) -> Result<(Key, Setup<Secret<String>>), Unusable> {
        let party = about.party.ok_or(Unusable)?;
        let keys = about.registered.to_vec();
        let user = Uuid::from_bytes(about.user);
        let began = of(party)?.start_securitykey_registration(
            user,
            about.account,
            about.account,
            Some(keys),
            models(party).map_err(|_| Unusable)?,
            None,
        );
        let (mut options, state) = began.map_err(|_| Unusable)?;
        // Any kind of key will do; one that can be found without a user name is preferred.
        options.public_key.hints = None;
        if let Some(selection) = &mut options.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Preferred);
        }
        // Browsers refuse a protection by user verification where verification is only preferred.
        if let Some(extensions) = &mut options.public_key.extensions {
            extensions.cred_protect = None;
        }
        let setup = Setup::WebAuthn { options: json(&options.public_key)? };
        Ok((Key::Pending { party: party.clone(), state }, setup))
    }

    fn read(key: &Key, _: Option<&Self::Posed>, answer: &Answer) -> Result<Secret<String>, Malformed> {
        let Answer::Assertion(answer) = answer else { return Err(Malformed::Form(AnswerForm::Assertion)) };
        let is_read = match key {
            Key::Pending { .. } => parse::<RegisterPublicKeyCredential>(answer).is_some(),
            Key::Registered { .. } => parse::<PublicKeyCredential>(answer).is_some(),
        };
        if is_read { Ok(answer.clone()) } else { Err(Malformed::Credential) }
    }

    fn bind(
        pending: Key,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Option<FirstProof<Key>>, Unusable> {
        let Key::Pending { party, state } = pending else { return Err(Unusable) };
        let answer = parse(answer).ok_or(Unusable)?;
        let Ok(key) = of(&party)?.finish_securitykey_registration(&answer, &state) else {
            return Ok(None);
        };
        let credential = Credential::from(key.clone());
        Ok(Some(FirstProof {
            material: Key::Registered { party: party.id, key },
            mark: counter(credential.counter).unwrap_or_default(),
            lookup: Some(credential.cred_id.as_slice().to_vec()),
        }))
    }

    fn is_usable_at(key: &Key, reach: Reach<'_>) -> bool {
        let Key::Registered { party, .. } = key else { return false };
        reach.party.is_some_and(|at| at.id == *party)
    }

    fn pose(
        key: &Key,
        reach: Reach<'_>,
        _: &Occasion<'_>,
        _: &dyn Entropy,
    ) -> Result<Asked<Challenged>, Unusable> {
        let Key::Registered { party, key } = key else { return Err(Unusable) };
        let at = reach.party.filter(|at| at.id == *party).ok_or(Unusable)?;
        let began = of(at)?.start_securitykey_authentication(std::slice::from_ref(key));
        let (mut options, state) = began.map_err(|_| Unusable)?;
        options.public_key.hints = None;
        let prompt = Prompt::WebAuthn { options: json(&options.public_key)? };
        let party = RelyingParty { models: Vec::new(), ..at.clone() };
        Ok(Asked { posed: Some(Challenged { party, state }), prompt, outgoing: None })
    }

    fn verify(
        key: &Key,
        posed: Option<&Challenged>,
        _: Mark,
        answer: &Secret<String>,
        _: Timestamp,
    ) -> Result<Verdict, Unusable> {
        let (Key::Registered { party, key }, Some(posed)) = (key, posed) else { return Err(Unusable) };
        let answer = parse(answer).ok_or(Unusable)?;
        let verified = of(&posed.party)?.finish_securitykey_authentication(&answer, &posed.state);
        judge(verified, key.clone(), party.clone())
    }
}
