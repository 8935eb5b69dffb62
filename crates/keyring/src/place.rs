//! Where a protected value lives. A value moved to another place does not open (INV-46).

use tidegate_core::{AccountId, DeliveryId, FactorId, RealmId};

#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// The row that tells a wrong master key.
    KeyCheck,
    FactorSeed {
        realm: RealmId,
        account: AccountId,
        factor: FactorId,
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
    RequestBody {
        realm: RealmId,
    },
    RequestOutcome {
        realm: RealmId,
    },
    RequestSecrets {
        realm: RealmId,
    },
    ImportRow {
        realm: RealmId,
    },
    /// Identifiers of nobody, among which attempts are counted.
    Stranger {
        realm: RealmId,
    },
    /// The place in a list, of one method.
    PageToken {
        realm: RealmId,
        method: &'static str,
    },
}

impl Place {
    /// Each part in front of its length, so that no two places read alike.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let parts: (&str, Vec<&[u8]>) = match &self {
            Self::KeyCheck => ("key check", vec![]),
            Self::FactorSeed { realm, account, factor } => {
                ("factor seed", vec![realm.as_bytes(), account.as_bytes(), factor.as_bytes()])
            }
            Self::RecoveryCode { realm, account, factor } => {
                ("recovery code", vec![realm.as_bytes(), account.as_bytes(), factor.as_bytes()])
            }
            Self::PersonalKey { realm, account } => {
                ("personal key", vec![realm.as_bytes(), account.as_bytes()])
            }
            Self::Delivery { realm, delivery } => ("delivery", vec![realm.as_bytes(), delivery.as_bytes()]),
            Self::RequestBody { realm } => ("request body", vec![realm.as_bytes()]),
            Self::RequestOutcome { realm } => ("request outcome", vec![realm.as_bytes()]),
            Self::RequestSecrets { realm } => ("request secrets", vec![realm.as_bytes()]),
            Self::ImportRow { realm } => ("import row", vec![realm.as_bytes()]),
            Self::Stranger { realm } => ("stranger", vec![realm.as_bytes()]),
            Self::PageToken { realm, method } => ("page token", vec![realm.as_bytes(), method.as_bytes()]),
        };
        let mut bytes = Vec::new();
        for part in std::iter::once(parts.0.as_bytes()).chain(parts.1) {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}
