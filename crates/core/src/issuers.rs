//! Who is behind a credential besides its holder, for rules that ask for two persons.
//!
//! The person who creates or rotates a credential knows its secret, and can call with it. If the holder's name
//! alone counted, one admin could make credentials for two invented names and be two persons. So a credential keeps the
//! persons who have known a secret of it, and those who are behind their own credentials, up to an operator. Operators
//! are left out: an operator may do everything anyway, and vouches for the names.

use serde::{Deserialize, Serialize};

use crate::Title;

/// The persons behind a credential. Empty: an operator made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuers(Vec<Option<Title>>);

/// Persons that are kept. Of a longer list the rest counts as unknown, because such a list only serves to hide somebody.
const MOST: usize = 16;

impl Default for Issuers {
    /// An operator made it.
    fn default() -> Self {
        Self::operator()
    }
}

impl Issuers {
    /// Of a credential that an operator made, or the program itself.
    pub const fn operator() -> Self {
        Self(Vec::new())
    }

    /// Of a credential that an earlier version of the program made.
    pub fn unknown() -> Self {
        Self(vec![None])
    }

    /// Those of a credential that a person made whose own credential has these issuers.
    #[must_use]
    pub fn and(&self, person: &Title) -> Self {
        let person = Self(vec![Some(person.clone())]);
        person.joined(self)
    }

    /// The persons of both.
    #[must_use]
    pub fn joined(&self, others: &Self) -> Self {
        let mut all = self.0.clone();
        for other in &others.0 {
            if !all.iter().any(|one| same(one.as_ref(), other.as_ref())) {
                all.push(other.clone());
            }
        }
        if all.len() > MOST {
            all.truncate(MOST - 1);
            if all.iter().all(Option::is_some) {
                all.push(None);
            }
        }
        Self(all)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `false`: there are persons whose names are not known.
    pub fn are_known(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Those whose names are known.
    pub fn names(&self) -> impl Iterator<Item = &Title> {
        self.0.iter().flatten()
    }
}

fn same(one: Option<&Title>, other: Option<&Title>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.names_the_same_as(other),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(text: &str) -> Title {
        text.parse().unwrap()
    }

    fn names(issuers: &Issuers) -> Vec<&str> {
        issuers.names().map(Title::as_str).collect()
    }

    #[test]
    fn each_person_is_listed_once_however_the_name_is_spelled() {
        let ann = Issuers::operator().and(&title("Ann"));
        assert_eq!(names(&ann), ["Ann"]);
        assert_eq!(names(&ann.and(&title("Bob"))), ["Bob", "Ann"]);
        assert_eq!(names(&ann.and(&title("ANN"))), ["ANN"]);
        assert_eq!(names(&ann.joined(&Issuers::operator())), ["Ann"]);
    }

    #[test]
    fn what_is_not_known_stays_unknown() {
        let unknown = Issuers::unknown().and(&title("Ann"));
        assert!(!unknown.are_known() && Issuers::operator().are_known());
        assert_eq!(serde_json::to_string(&unknown).unwrap(), r#"["Ann",null]"#);
    }

    #[test]
    fn a_chain_that_is_too_long_is_not_known_to_its_end() {
        let mut chain = Issuers::operator();
        for link in 0..100 {
            chain = chain.and(&title(&format!("{}x", "a".repeat(link + 1))));
            assert!(chain.0.len() <= MOST);
            assert_eq!(chain.are_known(), link < MOST);
        }
    }
}
