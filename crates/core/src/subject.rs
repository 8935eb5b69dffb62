//! On whose behalf a call acts, and from where.

use crate::{AccountRef, DeviceId, ProductKey, Secret, Title};

/// A 256-bit bearer token as it was presented.
pub type Token = Secret<String>;

/// An account id alone authorises nothing.
#[derive(Debug, Clone)]
pub struct Subject {
    pub who: Who,
    pub client: ClientContext,
}

#[derive(Debug, Clone)]
pub enum Who {
    Session(Token),
    SignIn(Token),
    /// For support, with a reason that is recorded.
    OnBehalf {
        account: AccountRef,
        product: ProductKey,
        reason: Title,
    },
}

/// What the caller says of the end user's end of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientContext {
    pub ip: Option<std::net::IpAddr>,
    pub user_agent: Option<String>,
    pub device: Option<DeviceId>,
}
