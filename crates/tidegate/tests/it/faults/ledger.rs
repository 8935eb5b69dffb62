//! What the callers were told, and whether it is so at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use tidegate_client::Refused;
use tidegate_proto as proto;

use super::{follower::Follower, system::System};
use crate::owner::heard;

#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Acknowledged>>);

#[derive(Default)]
struct Acknowledged {
    persons: Vec<String>,
    /// The newest title of each customer: how often it was changed.
    customers: BTreeMap<String, u64>,
    /// The account of each session's token, and whether the session was ended.
    sessions: BTreeMap<String, Session>,
    /// Who was told that the code was used before, or is too old, and not that it was right.
    too_late: Vec<String>,
    told: SignInTotals,
}

struct Session {
    account: String,
    has_ended: bool,
}

/// What became of the sign-ins.
#[derive(Debug, Clone, Default)]
pub struct SignInTotals {
    imported: usize,
    signed_in: usize,
    signed_out: usize,
    /// The code was too old when its answer came through.
    too_late: usize,
    /// The sign-in ended while its calls were not answered, and why.
    given_up: BTreeMap<String, usize>,
}

impl fmt::Display for SignInTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { imported, signed_in, signed_out, too_late, given_up } = self;
        write!(f, "{imported} persons, {signed_in} sessions, {signed_out} of them ended; ")?;
        write!(f, "{too_late} codes came too late; sign-ins that were given up: {given_up:?}")
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Acknowledged> {
        self.0.lock().unwrap()
    }

    pub fn imported(&self, names: &[String]) {
        let mut all = self.lock();
        all.told.imported += names.len();
        all.persons.extend_from_slice(names);
    }

    pub fn renamed(&self, customer: &proto::Customer) {
        self.lock().customers.insert(customer.key.clone(), customer.title.parse().unwrap());
    }

    pub fn signed_in(&self, account: &str, token: &str) {
        let mut all = self.lock();
        all.told.signed_in += 1;
        let session = Session { account: account.to_owned(), has_ended: false };
        assert!(all.sessions.insert(token.to_owned(), session).is_none(), "two sign-ins, one session");
    }

    pub fn signed_out(&self, token: &str) {
        let mut all = self.lock();
        all.told.signed_out += 1;
        all.sessions.get_mut(token).unwrap().has_ended = true;
    }

    pub fn too_late(&self, name: &str) {
        let mut all = self.lock();
        all.told.too_late += 1;
        all.too_late.push(name.to_owned());
    }

    pub fn gave_up(&self, refused: &Refused) {
        *self.lock().told.given_up.entry(refused.name().to_owned()).or_default() += 1;
    }

    /// Nothing is lost, and nothing is there twice. No call is under way any more.
    pub async fn check(self, system: &System, follower: Follower) -> SignInTotals {
        let all = Arc::into_inner(self.0).unwrap().into_inner().unwrap();
        let database = &system.folder.database;
        database.sealed().await;
        let persons = i64::try_from(all.persons.len()).unwrap();
        assert_eq!(database.count("accounts").await, persons, "accounts");
        all.check_customers(system).await;
        all.check_sessions(system).await;
        let head = database.number("SELECT MAX(sequence) FROM events").await;
        let events = follower.up_to(u64::try_from(head).unwrap()).await;
        let approved = all.check_record(&events, database.count("events").await);
        for name in &all.too_late {
            let request = proto::GetAccountRequest { account: name.clone() };
            let found = heard(system.doors()[0].operator.accounts().get_account(request).await).unwrap();
            let id = found.account.unwrap().id;
            assert!(!approved.contains(&id), "{name} was approved, and nobody was told");
        }
        system.verifies().await;
        all.told
    }
}

impl Acknowledged {
    async fn check_customers(&self, system: &System) {
        for (key, title) in &self.customers {
            let request = proto::GetCustomerRequest { customer: key.clone() };
            let found = heard(system.doors()[0].operator.customers().get_customer(request).await).unwrap();
            assert_eq!(found.customer.unwrap().title, title.to_string(), "{key}");
        }
    }

    async fn check_sessions(&self, system: &System) {
        for (token, session) in &self.sessions {
            for door in system.doors() {
                let request = proto::IntrospectRequest { session_token: token.clone() };
                let found = heard(door.frontend.sessions().introspect(request).await).unwrap();
                assert_eq!(found.active, !session.has_ended, "a session of {}", session.account);
            }
        }
        let live = "SELECT COUNT(*) FROM sessions";
        let sessions = i64::try_from(self.sessions.len()).unwrap();
        assert_eq!(system.folder.database.number(live).await, sessions, "no session but these");
    }

    /// The record as its reader got it: each event once, in order, and one of each that callers heard of.
    /// Returns the accounts that were approved.
    fn check_record(&self, events: &[proto::Event], stored: i64) -> BTreeSet<String> {
        let places: Vec<_> = events.iter().map(|event| event.sequence).collect();
        assert!(places.windows(2).all(|two| two[0] + 1 == two[1]), "no gap and nothing twice");
        let ids: BTreeSet<_> = events.iter().map(|event| &event.id).collect();
        assert_eq!((ids.len(), i64::try_from(events.len()).unwrap()), (events.len(), stored));
        let of = |kind: &'static str, word: &'static str| {
            let mut counts = BTreeMap::<&str, usize>::new();
            for event in events.iter().filter(|event| event.kind == kind && event.data.contains(word)) {
                *counts.entry(&event.account_id).or_default() += 1;
            }
            counts
        };
        let created = of("account_created", "");
        assert_eq!(created.len(), self.persons.len());
        assert!(created.values().all(|times| *times == 1), "each account was created once");
        let approved = of("challenge_answered", "\"approved\"");
        assert!(approved.values().all(|times| *times == 1), "INV-01: each code was used once");
        for session in self.sessions.values() {
            assert_eq!(approved.get(session.account.as_str()), Some(&1), "{} was approved", session.account);
        }
        let renamed = events.iter().filter(|event| event.kind == "customer_updated").count();
        assert_eq!(u64::try_from(renamed).unwrap(), self.customers.values().sum::<u64>());
        approved.into_keys().map(str::to_owned).collect()
    }
}
