//! On whose behalf a call acts, and from where.

use crate::{AccountRef, DeviceId, Language, ProductKey, Secret, Title};

/// A 256-bit bearer token as it was presented.
pub type Token = Secret<String>;

/// The end user for whom a call acts. An account id alone authorises nothing (INV-59).
#[derive(Debug, Clone)]
pub struct Subject {
    pub who: Who,
    pub client: ClientContext,
}

#[derive(Debug, Clone)]
pub enum Who {
    Session(Token),
    SignIn(Token),
    /// Support, which acts on behalf of an account. The reason is recorded.
    OnBehalf {
        account: AccountRef,
        product: ProductKey,
        reason: Title,
    },
}

/// What the caller says of the end user's client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientContext {
    pub ip: Option<std::net::IpAddr>,
    pub user_agent: Option<String>,
    pub device: Option<DeviceId>,
    /// The language that the person reads.
    pub language: Option<Language>,
}

impl ClientContext {
    /// What owners are shown of where a call comes from: the user agent and the address, as far as they are known.
    pub fn shown(&self) -> String {
        let parts = [self.user_agent.clone(), self.ip.map(|ip| ip.to_string())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
