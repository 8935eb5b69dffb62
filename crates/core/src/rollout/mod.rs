//! Rollouts as data, what is known of an account, and the decision made from both.

mod audience;
mod contradiction;
mod decision;
mod funnel;
mod ladder;
mod line;
mod method_move;
mod planned;
mod schedule;
mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

pub use audience::{Attribute, Audience, During, Label, Test};
pub use decision::{Decision, Missing, Reason, RequiredSince, Rule, RuleAsked};
pub use funnel::{FunnelCell, FunnelStep, StepFailure, hour_of};
pub use ladder::{Grace, Hold, LadderDecision, LadderMarks, LadderRule, Phase, Rung, Skips};
pub use line::{Bucket, Edge, Grouped, Salt};
pub use method_move::{MethodAdvice, MethodEnd, MethodMove};
pub use planned::{LocalDateTime, PlannedTime, UtcOffset};
pub use schedule::{AdvanceWindow, Gate, GateMeasure, MAX_GATES, Share, TimeOfDay, Weekday};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
pub use standing::{Buckets, FirstShown, LedgerEntry, Standing};

use crate::{
    AccountId, CustomerKey, ExternalId, Issuers, Malformed, ProductKey, RolloutKey, Span, Timestamp, Title,
    words,
};

/// How often a record was changed. It is the record's etag on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub i64);

impl Revision {
    pub const FIRST: Self = Self(1);
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl FromStr for Revision {
    type Err = Malformed;
    /// Accepts only the text that was returned: an integer alone would also parse with a sign or
    /// leading zeros.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let revision = text.strip_prefix('r').and_then(|digits| digits.parse().ok()).map(Self);
        let returned = revision.filter(|revision| *revision >= Self::FIRST && revision.to_string() == text);
        returned.ok_or(Malformed("be an etag as it was returned"))
    }
}

words! {
    WaveState "wave state" {
        Draft = "draft",
        Live = "live",
        Done = "done",
        RolledBack = "rolled_back",
    }
}

words! {
    RolloutState "rollout state" {
        Draft = "draft",
        Live = "live",
        Paused = "paused",
        Stopped = "stopped",
        RolledBack = "rolled_back",
        Ended = "ended",
    }
}

words! {
    /// What has one bucket: each account, or each customer with all its accounts. An account
    /// without a customer is its own unit.
    Unit "unit" {
        Account = "account",
        Customer = "customer",
    }
}

/// The staged introduction of two-step at some products. Each revision is stored as one whole
/// document. A field that is added later has a default, because old revisions are read for years.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    pub key: RolloutKey,
    pub title: Title,
    /// The products of waves that name none.
    pub products: Vec<ProductKey>,
    #[serde(default = "one_account")]
    pub unit: Unit,
    pub salt: Salt,
    /// The share of all units, at the end of the line, that no wave reaches.
    #[serde(default)]
    pub holdout: Edge,
    /// Accounts that are reached wherever a wave has started, whatever its audience and edge.
    #[serde(default)]
    pub allow: Named,
    /// Accounts that this rollout never reaches.
    #[serde(default)]
    pub deny: Named,
    pub waves: Vec<Wave>,
    /// It brings a better method to accounts that have two-step. `None`: it brings two-step itself.
    #[serde(default)]
    pub method: Option<MethodMove>,
    /// In order; the first rule that is for an account decides.
    #[serde(default)]
    pub ladder: Vec<LadderRule>,
    /// Since when it has a ladder, without a gap. What accounts were told, skipped or put off before belongs to another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder_since: Option<Timestamp>,
    /// The times in which it was paused or stopped, in order and apart from each other.
    #[serde(default)]
    pub holds: Vec<Hold>,
    /// Since when the rollout is paused: no wave starts.
    #[serde(default)]
    pub paused_at: Option<Timestamp>,
    #[serde(default)]
    pub stop: Option<Stop>,
    /// The roll backs that still have an effect. A later one that goes at least as far replaces the
    /// earlier ones.
    #[serde(default)]
    pub roll_backs: Vec<RollBack>,
    /// When waves may start by themselves. `None`: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_window: Option<AdvanceWindow>,
    /// Since when the rollout is archived: it reaches no account, and gives no account a reason. No
    /// wave of it is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Timestamp>,
    pub revision: Revision,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

const fn one_account() -> Unit {
    Unit::Account
}

/// Accounts, by their own id or by their customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    pub accounts: BTreeSet<AccountId>,
    pub customers: BTreeSet<CustomerKey>,
    /// The external ids by which some of the accounts were named. They are kept to be shown; only the
    /// ids decide. Earlier versions stored none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<AccountId, ExternalId>,
}

impl Named {
    pub fn len(&self) -> usize {
        self.accounts.len() + self.customers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The accounts as they were named: by external id, or by their own id.
    pub fn account_names(&self) -> impl Iterator<Item = String> {
        self.accounts.iter().map(|account| match self.given.get(account) {
            Some(given) => given.to_string(),
            None => account.to_string(),
        })
    }

    pub fn includes(&self, standing: &Standing) -> bool {
        let customer = standing.customer.as_ref();
        self.accounts.contains(&standing.account)
            || customer.is_some_and(|customer| self.customers.contains(&customer.key))
    }
}

/// A latch: one person stops the rollout, and two persons clear the stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    pub since: Timestamp,
    /// The person who stopped the rollout.
    pub by: Approver,
    pub reason: Option<Title>,
    /// The first of the two persons who clear the stop. Any other change of the rollout removes
    /// this consent.
    #[serde(default)]
    pub cleared_by: Option<Approver>,
}

/// A person who decides about a rollout: by the account with which they signed in, or else by the
/// holder that their credential names. Earlier versions stored the name alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ApproverDocument", into = "ApproverDocument")]
pub struct Approver {
    pub name: Title,
    pub person: Option<AccountId>,
    /// Who else is behind the credential.
    pub issuers: Issuers,
}

/// Why two approvers do not count as two persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnePerson {
    SamePerson,
    /// One of them made a credential of the other, or one person made both.
    SameIssuer,
    /// It is not known who made a credential.
    IssuerNotKnown,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ApproverDocument {
    /// Of an earlier version.
    Holder(Title),
    Person(ApprovingPerson),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovingPerson {
    name: Title,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<AccountId>,
    #[serde(default = "Issuers::unknown")]
    issuers: Issuers,
}

/// Not derived: of an untagged enum, serde names no field that it does not know, so that the document of a newer version
/// would be taken for a damaged one (INV-44).
impl<'de> Deserialize<'de> for ApproverDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ApproverVisitor)
    }
}

struct ApproverVisitor;

impl<'de> Visitor<'de> for ApproverVisitor {
    type Value = ApproverDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a name and an account")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<ApproverDocument, E> {
        name.parse().map(ApproverDocument::Holder).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<ApproverDocument, A::Error> {
        ApprovingPerson::deserialize(MapAccessDeserializer::new(fields)).map(ApproverDocument::Person)
    }
}

impl From<ApproverDocument> for Approver {
    fn from(document: ApproverDocument) -> Self {
        match document {
            ApproverDocument::Holder(name) => Self { name, person: None, issuers: Issuers::unknown() },
            ApproverDocument::Person(ApprovingPerson { name, person, issuers }) => {
                Self { name, person, issuers }
            }
        }
    }
}

impl From<Approver> for ApproverDocument {
    fn from(approver: Approver) -> Self {
        let Approver { name, person, issuers } = approver;
        Self::Person(ApprovingPerson { name, person, issuers })
    }
}

impl Approver {
    /// The holder of a credential that an operator made; the account is not known.
    pub const fn holder(name: Title) -> Self {
        Self { name, person: None, issuers: Issuers::operator() }
    }

    /// Whether both are one person. Accounts are compared if both have one, otherwise names: a
    /// credential does not say which account its holder has.
    pub fn is(&self, other: &Self) -> bool {
        match (self.person, other.person) {
            (Some(one), Some(other)) => one == other,
            _ => self.name.names_the_same_as(&other.name),
        }
    }

    /// Refuses two approvers behind whom there may be one person: nobody may have made a credential for the other, or
    /// for both.
    pub fn counts_beside(&self, other: &Self) -> Result<(), OnePerson> {
        if self.is(other) {
            return Err(OnePerson::SamePerson);
        }
        let behind = |approver: &'_ Self| -> Vec<Title> { approver.issuers.names().cloned().collect() };
        let (ours, theirs) = (behind(self), behind(other));
        let made = |name: &Title, issuers: &[Title]| issuers.iter().any(|one| one.names_the_same_as(name));
        let one_made_the_other = made(&self.name, &theirs) || made(&other.name, &ours);
        if one_made_the_other || ours.iter().any(|name| made(name, &theirs)) {
            return Err(OnePerson::SameIssuer);
        }
        if !self.issuers.are_known() || !other.issuers.are_known() {
            return Err(OnePerson::IssuerNotKnown);
        }
        Ok(())
    }
}

/// A roll back. What waves after `to` showed before this revision counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    pub revision: Revision,
    /// The last wave that stays; zero: none stays.
    pub to: Ordinal,
    /// Where the waves were taken back; empty: at every product.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub products: BTreeSet<ProductKey>,
}

impl RollBack {
    pub fn is_at(&self, product: &ProductKey) -> bool {
        self.products.is_empty() || self.products.contains(product)
    }

    /// Leaves what the later one does not take back; `None`: nothing.
    #[must_use]
    pub fn beside(mut self, later: &Self) -> Option<Self> {
        if self.to < later.to || (self.products.is_empty() && !later.products.is_empty()) {
            return Some(self);
        }
        self.products.retain(|product| !later.is_at(product));
        (!self.products.is_empty()).then_some(self)
    }
}

/// One step of a rollout. Its ordinal is its place in the list, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    pub ordinal: Ordinal,
    pub title: Title,
    /// `None`: all accounts.
    #[serde(default)]
    pub audience: Option<Audience>,
    pub edge: Edge,
    /// Empty: the products of the rollout.
    pub products: Vec<ProductKey>,
    pub state: WaveState,
    pub started_at: Option<Timestamp>,
    /// When it is to start by itself. `None`: a person starts it. A started wave keeps its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_start: Option<PlannedTime>,
    /// How long the wave before must have been live before this one starts by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Span>,
    /// What the numbers of the wave before must be before this one starts by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Products at which the wave was taken back, while it stays started at others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub taken_back: BTreeSet<ProductKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ordinal(pub u32);

impl Rollout {
    pub fn state(&self) -> RolloutState {
        let any = |state: WaveState| self.waves.iter().any(|wave| wave.state == state);
        if self.archived_at.is_some() {
            RolloutState::Ended
        } else if self.stop.is_some() {
            RolloutState::Stopped
        } else if self.paused_at.is_some() {
            RolloutState::Paused
        } else if self.waves.iter().any(Wave::is_started) || !self.ladder.is_empty() {
            RolloutState::Live
        } else if any(WaveState::RolledBack) {
            RolloutState::RolledBack
        } else {
            RolloutState::Draft
        }
    }

    /// Since when it is paused or stopped.
    pub fn held_since(&self) -> Option<Timestamp> {
        let stopped = self.stop.as_ref().map(|stop| stop.since);
        match (self.paused_at, stopped) {
            (Some(paused), Some(stopped)) => Some(paused.min(stopped)),
            (paused, stopped) => paused.or(stopped),
        }
    }

    pub fn wave(&self, ordinal: Ordinal) -> Option<&Wave> {
        self.waves.iter().find(|wave| wave.ordinal == ordinal)
    }

    /// Every product that the rollout, a wave or a rule names.
    pub fn all_products(&self) -> impl Iterator<Item = &ProductKey> {
        let waves = self.waves.iter().flat_map(|wave| &wave.products);
        let rules = self.ladder.iter().flat_map(|rule| &rule.products);
        self.products.iter().chain(waves).chain(rules)
    }

    pub fn products_of<'r>(&'r self, wave: &'r Wave) -> &'r [ProductKey] {
        if wave.products.is_empty() { &self.products } else { &wave.products }
    }
}

impl Wave {
    pub const fn is_started(&self) -> bool {
        matches!(self.state, WaveState::Live | WaveState::Done)
    }

    /// Whether it was ever started, even if it was rolled back since.
    pub const fn was_started(&self) -> bool {
        !matches!(self.state, WaveState::Draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_read_only_as_it_was_returned() {
        for revision in [Revision::FIRST, Revision(30), Revision(i64::MAX)] {
            assert_eq!(revision.to_string().parse(), Ok(revision));
        }
        for text in
            ["", "r", "3", "r0", "r-3", "r+3", "r03", "r 3", "r3 ", "R3", "r３", "r9223372036854775808"]
        {
            assert!(text.parse::<Revision>().is_err(), "{text:?}");
        }
    }
}
