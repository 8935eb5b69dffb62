//! Who made something happen, as events name them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{AccountId, CredentialId, Malformed};

/// Who made it happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
