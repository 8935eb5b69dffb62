//! Where a sealed value belongs: the associated data of the encryption. A value that is moved elsewhere does not open
//! (INV-46).

use tidegate_core::{
    AccountId, ChallengeId, CredentialId, DeliveryId, FactorId, RealmId, RecoveryId, RequestId, SigningKeyId,
};

#[derive(Debug, Clone, Copy)]
pub enum SealContext {
    /// The value that reveals a wrong master key.
    KeyCheck,
    /// The material of a factor, or of the enrollment that becomes it.
    FactorMaterial {
        realm: RealmId,
        account: AccountId,
        factor: FactorId,
    },
    /// The value that the answer to one challenge is verified against.
    ChallengeMaterial {
        realm: RealmId,
        account: AccountId,
        challenge: ChallengeId,
    },
    /// What the answer to a request for a passkey must fit. The request is not of an account yet.
    PasskeyRequest {
        realm: RealmId,
    },
    /// A request to reset a password: who asked for what.
    Recovery {
        realm: RealmId,
        recovery: RecoveryId,
    },
    RecoveryCode {
        realm: RealmId,
        account: AccountId,
        factor: FactorId,
    },
    /// The key of an account's personal fields.
    PersonalKey {
        realm: RealmId,
        account: AccountId,
    },
    Delivery {
        realm: RealmId,
        delivery: DeliveryId,
    },
    /// The body of one request of one caller. Its outcome and the outcome's secrets follow.
    RequestBody(RequestContext),
    RequestOutcome(RequestContext),
    RequestSecrets(RequestContext),
    ImportRow {
        realm: RealmId,
    },
    /// The digest that selects the attempt counter of an unknown identifier.
    UnknownIdentifier {
        realm: RealmId,
    },
    /// The digest of a destination, for the budgets of what is sent there.
    Destination {
        realm: RealmId,
    },
    /// The position in a list of one method.
    PageToken {
        realm: RealmId,
        method: &'static str,
    },
    /// The digest of a batch of the record.
    Chain {
        realm: RealmId,
    },
    /// The position at which a record begins.
    ChainCut {
        realm: RealmId,
    },
    /// A key that signs a realm's assertions.
    SigningKey {
        realm: RealmId,
        key: SigningKeyId,
    },
    /// The position in a stream of one method.
    ResumeToken {
        realm: RealmId,
        method: &'static str,
    },
}

/// Names one request: its realm, credential, method and id.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext {
    pub realm: RealmId,
    pub credential: CredentialId,
    pub method: &'static str,
    pub request: RequestId,
}

impl RequestContext {
    fn parts(&self) -> Vec<&[u8]> {
        vec![
            self.realm.as_bytes(),
            self.credential.as_bytes(),
            self.method.as_bytes(),
            self.request.0.as_bytes(),
        ]
    }
}

impl SealContext {
    /// Each part after its length, so that no two contexts have the same bytes.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let parts: (&str, Vec<&[u8]>) = match &self {
            Self::KeyCheck => ("key check", vec![]),
            Self::FactorMaterial { realm, account, factor } => {
                ("factor seed", vec![realm.as_bytes(), account.as_bytes(), factor.as_bytes()])
            }
            Self::ChallengeMaterial { realm, account, challenge } => {
                ("challenge material", vec![realm.as_bytes(), account.as_bytes(), challenge.as_bytes()])
            }
            Self::PasskeyRequest { realm } => ("passkey request", vec![realm.as_bytes()]),
            Self::Recovery { realm, recovery } => ("recovery", vec![realm.as_bytes(), recovery.as_bytes()]),
            Self::RecoveryCode { realm, account, factor } => {
                ("recovery code", vec![realm.as_bytes(), account.as_bytes(), factor.as_bytes()])
            }
            Self::PersonalKey { realm, account } => {
                ("personal key", vec![realm.as_bytes(), account.as_bytes()])
            }
            Self::Delivery { realm, delivery } => ("delivery", vec![realm.as_bytes(), delivery.as_bytes()]),
            Self::RequestBody(request) => ("request body", request.parts()),
            Self::RequestOutcome(request) => ("request outcome", request.parts()),
            Self::RequestSecrets(request) => ("request secrets", request.parts()),
            Self::ImportRow { realm } => ("import row", vec![realm.as_bytes()]),
            Self::UnknownIdentifier { realm } => ("stranger", vec![realm.as_bytes()]),
            Self::Destination { realm } => ("destination", vec![realm.as_bytes()]),
            Self::PageToken { realm, method } => ("page token", vec![realm.as_bytes(), method.as_bytes()]),
            Self::Chain { realm } => ("chain", vec![realm.as_bytes()]),
            Self::ChainCut { realm } => ("chain cut", vec![realm.as_bytes()]),
            Self::SigningKey { realm, key } => ("signing key", vec![realm.as_bytes(), key.as_bytes()]),
            Self::ResumeToken { realm, method } => {
                ("resume token", vec![realm.as_bytes(), method.as_bytes()])
            }
        };
        let mut bytes = Vec::new();
        for part in std::iter::once(parts.0.as_bytes()).chain(parts.1) {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}
