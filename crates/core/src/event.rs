//! One fact that happened, written in the transaction that made it true.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ClientContext, CredentialId, EventId, Fact, Malformed, ProductKey, Sealed, Timestamp,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<F = Fact> {
    pub id: EventId,
    pub at: Timestamp,
    pub actor: Actor,
    pub product: Option<ProductKey>,
    /// The account it is about.
    pub account: Option<AccountId>,
    pub fact: F,
    /// Address, IP and user agent, sealed with the account's own key.
    pub personal: Option<Sealed>,
}

/// Who made it happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    Credential(CredentialId),
    /// A person who operates, by their account.
    Person(AccountId),
    /// A part of Tidegate itself.
    Worker(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(id) => id.fmt(f),
            Self::Person(id) => write!(f, "person/{id}"),
            Self::Worker(name) => write!(f, "worker/{name}"),
        }
    }
}

impl FromStr for Actor {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(name) = text.strip_prefix("worker/") {
            return Ok(Self::Worker(name.to_owned()));
        }
        if let Some(id) = text.strip_prefix("person/") {
            return id.parse().map(Self::Person).map_err(|_| Malformed("be an actor"));
        }
        text.parse().map(Self::Credential).map_err(|_| Malformed("be an actor"))
    }
}

impl TryFrom<String> for Actor {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

/// The fields that only the account's own key opens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<std::net::IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Personal {
    /// From where it was done.
    pub fn client(&self) -> ClientContext {
        ClientContext { ip: self.ip, user_agent: self.user_agent.clone(), ..ClientContext::default() }
    }
}
