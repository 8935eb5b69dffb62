//! What support does to accounts: out of use and back, deleted and purged, factors reset, passes mailed, exports.

mod export;
mod pass;
mod purge;
mod reset;
mod states;

use tidegate_client::Refused;
use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::Person,
    owner::{Device, Session, SignIn},
    rpc::Rpc,
    setting::{Kasa, Owner},
    test_server::TestServer,
};

/// The requests that name a case, all alike.
macro_rules! cases {
    ($($name:ident -> $request:ident,)+) => { $(
        pub fn $name(account: &str) -> proto::$request {
            let (account, product) = (account.to_owned(), "kasa".to_owned());
            proto::$request { account, product, reason: "ticket 7".to_owned(), request_id: String::new() }
        }
    )+ };
}
cases! {
    suspend -> SuspendAccountRequest,
    reactivate -> ReactivateAccountRequest,
    lock_down -> LockdownAccountRequest,
    delete -> DeleteAccountRequest,
    undelete -> UndeleteAccountRequest,
    issue_pass -> IssueAccessPassRequest,
    reset_factors -> ResetFactorsRequest,
}

/// The pass in a mail: four groups of six characters and one of two. A mail may break it in two.
fn read_pass(text: &str) -> Option<String> {
    let text = text.replace(' ', "");
    let is_pass = |piece: &&str| {
        let groups: Vec<_> = piece.split('-').collect();
        groups.iter().map(|group| group.len()).eq([6, 6, 6, 6, 2])
            && groups.concat().bytes().all(|letter| letter.is_ascii_alphanumeric())
    };
    (0..text.len()).filter_map(|at| text.get(at..at + 30)).find(is_pass).map(str::to_owned)
}

/// The pass that was mailed last.
pub async fn mailed_pass(server: &TestServer, person: &Person) -> String {
    let mails = server.mails_to(&person.email).await;
    mails.iter().rev().find_map(|mail| read_pass(&mail.text)).unwrap_or_else(|| panic!("no pass was mailed"))
}

/// What was sent to the owner, the oldest first.
pub async fn told(kasa: &Kasa, person: &Person) -> Vec<proto::MessagePurpose> {
    let list = proto::ListDeliveriesRequest { account: person.id.clone(), ..Default::default() };
    let listed = kasa.admin.ok(list).await.deliveries;
    listed.iter().rev().map(proto::Delivery::purpose).collect()
}

impl Kasa {
    pub async fn support(&self) -> Actor {
        self.server.actor("support", Role::Support).await.quiet()
    }

    /// The events of the account of a kind, as their data.
    async fn recorded(&self, person: &Person, kind: &str) -> Vec<String> {
        let filter = proto::EventFilter {
            account: person.id.clone(),
            kinds: vec![kind.to_owned()],
            ..Default::default()
        };
        let list = proto::ListEventsRequest { filter: Some(filter), ..Default::default() };
        self.admin.ok(list).await.events.into_iter().map(|event| event.data).collect()
    }

    async fn is_live(&self, session: &Session) -> bool {
        self.frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await.active
    }

    /// A sign-in that waits for a code of the last way, and its challenge.
    async fn lost_phone(&self, person: &Person) -> (SignIn, String) {
        let begun = self.frontend.begin(person, "kasa", &Device::new("new-phone")).await;
        let last = begun.offers.last().unwrap();
        assert_eq!(last.method(), proto::Method::RecoveryCodes);
        let challenge = self.frontend.challenge_of(&begun, &last.factor_id).await;
        (begun, challenge)
    }

    /// A session that password and pass made.
    pub async fn passed(&self, person: &Person, pass: &str) -> Session {
        let (begun, challenge) = self.lost_phone(person).await;
        let answer = self.frontend.answer(&begun, &challenge, pass).await;
        assert_eq!(answer.outcome(), proto::ProofOutcome::Approved);
        self.frontend.finish(&begun, &Device::new("new-phone")).await.unwrap()
    }
}

/// The state that a refusal names.
fn state_of(refused: &Refused) -> &str {
    assert_eq!(refused.name(), "ACCOUNT_STATE", "{refused}");
    refused.metadata["state"].as_str()
}

/// `None`: the call succeeded.
async fn refused_in<M: Rpc>(support: &Actor, request: M) -> Option<String> {
    support.call(request).await.err().map(|refused| state_of(&refused).to_owned())
}

/// The owner without two-step, with a session and a sign-in that is ready.
async fn plain_owner(kasa: &Kasa, name: &str) -> (Person, Session, SignIn) {
    let person = kasa.admin.person(name).await;
    let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
    let ready = kasa.frontend.begin(&person, "kasa", &Device::new("laptop")).await;
    assert_eq!(ready.state, proto::SignInState::Ready);
    (person, session, ready)
}

/// Both the account's own and a stranger's view of an owner with a factor.
async fn with_factor(kasa: &Kasa) -> (Owner, Actor) {
    (kasa.owner("ann").await, kasa.support().await)
}
