//! The cache of a replica: its own writes show at once, another replica's after the next look, and no sign-in
//! relies on it (INV-17).

use std::collections::BTreeSet;

use tidegate_core::{Role, Span};
use tidegate_proto::{self as proto, DecisionReason as Why};
use tidegate_store::chain;

use crate::{
    actor::Actor,
    arrange::{Address, Person},
    audiences::has,
    forgotten_clock::{AHEAD, forget},
    manage::{Managed, mask},
    owner::Device,
    raw,
    test_server::{Replica, TestServer},
};

/// Two replicas on PostgreSQL. Both have just looked at the other's writes.
struct Two {
    server: TestServer,
    there: Replica,
    rollout: Managed,
    person: Person,
    frontend: Actor,
    /// At the other replica.
    app: Actor,
}

async fn two() -> Two {
    let server = TestServer::postgres().await;
    let operator = server.operator();
    operator.product("kasa").await;
    let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
    let rollout = Managed::new(&operator, &operator.start(&draft).await);
    let person = operator.person("ann").await;
    let there = server.replica().await;
    let frontend = server.actor("app", Role::Frontend).await.quiet();
    let app = frontend.at(there.channel.clone());
    let two = Two { server, there, rollout, person, frontend, app };
    two.look().await;
    two
}

impl Two {
    /// Both replicas look at the other's writes.
    async fn look(&self) {
        self.server.app.follow().await.unwrap();
        self.there.app.follow().await.unwrap();
    }

    async fn here(&self) -> proto::Decision {
        self.frontend.evaluate(&self.person, "kasa").await
    }

    async fn there(&self) -> proto::Decision {
        self.app.evaluate(&self.person, "kasa").await
    }

    /// A change that is made here is known here at once, and there after a look; until then the other replica
    /// answers from its cache.
    async fn is_followed(&self, change: impl AsyncFnOnce(), seen: impl Fn(&proto::Decision) -> bool) {
        assert!(!seen(&self.here().await) && !seen(&self.there().await));
        change().await;
        assert!(seen(&self.here().await), "known at once where it was written");
        assert!(!seen(&self.there().await), "remembered where it was not");
        self.there.app.follow().await.unwrap();
        assert!(seen(&self.there().await), "known elsewhere after a look");
    }
}

#[tokio::test]
async fn a_stop_is_known_after_a_look() {
    let two = two().await;
    let stop = async || drop(two.rollout.stop("sign-ins fail").await);
    two.is_followed(stop, |decision| decision.reason() == Why::Stopped).await;
}

#[tokio::test]
async fn a_change_of_the_account_is_known_after_a_look() {
    let two = two().await;
    two.rollout.roll_back(0).await;
    two.rollout.aim(1, has("account.country", &["DE"])).await;
    two.rollout.start().await;
    two.look().await;
    let update = async || {
        let (account, country, update_mask) = (two.person.id.clone(), "DE".to_owned(), mask("country"));
        let request = proto::UpdateAccountRequest { account, country, update_mask, ..Default::default() };
        two.rollout.manager.ok(request).await;
    };
    two.is_followed(update, |decision| decision.visible).await;
}

#[tokio::test]
async fn a_change_of_the_customer_is_known_after_a_look() {
    let two = two().await;
    let operator = &two.rollout.manager;
    let etag = operator.customer("acme").await.etag;
    let (account, customer, update_mask) = (two.person.id.clone(), "acme".to_owned(), mask("customer"));
    operator.ok(proto::UpdateAccountRequest { account, customer, update_mask, ..Default::default() }).await;
    two.rollout.roll_back(0).await;
    two.rollout.aim(1, has("customer.country", &["DE"])).await;
    two.rollout.start().await;
    two.look().await;
    let update = async || {
        let (customer, country, update_mask) = ("acme".to_owned(), "DE".to_owned(), mask("country"));
        let request =
            proto::UpdateCustomerRequest { customer, etag, country, update_mask, ..Default::default() };
        operator.ok(request).await;
    };
    two.is_followed(update, |decision| decision.visible).await;
}

/// A replica also sees an event that was sealed into the record between two looks.
#[tokio::test]
async fn what_was_sealed_between_two_looks_is_known_too() {
    let two = two().await;
    let show = async || {
        let device = Device::new("phone");
        two.frontend.sign_in(&two.person, "kasa", &device).await;
        two.server.seal().await;
    };
    two.is_followed(show, |decision| decision.reason() == Why::Shown).await;
}

/// A batch is seen when its transaction commits, which may be long after its time.
#[tokio::test]
async fn what_was_sealed_long_before_it_is_seen_is_known_too() {
    let two = two().await;
    let now = two.server.now();
    let show = async || {
        two.frontend.sign_in(&two.person, "kasa", &Device::new("phone")).await;
        two.server.clock.set(now.minus(Span::seconds(20)));
        two.server.seal().await;
        two.server.clock.set(now);
    };
    two.is_followed(show, |decision| decision.reason() == Why::Shown).await;
}

/// A batch is never earlier than the one before it. So after a clock that was ahead, new batches say a time that has not come yet,
/// for as long as it was ahead: they are followed, and a look reads no more than the newest one of each realm.
#[tokio::test]
async fn a_record_that_is_ahead_is_followed_at_no_more_cost() {
    let two = two().await;
    let server = &two.server;
    server.clock.advance(AHEAD);
    server.seal().await;
    forget(server).await;
    two.look().await;
    for number in 0..10 {
        two.rollout.manager.person(&format!("person{number}")).await;
        server.seal().await;
    }
    let stop = async || {
        two.rollout.stop("sign-ins fail").await;
        server.seal().await;
    };
    two.is_followed(stop, |decision| decision.reason() == Why::Stopped).await;
    let heads = chain::heads(&mut server.store.across("test")).await.unwrap();
    let [head] = heads[..] else { panic!("{heads:?}") };
    let newest = chain::head(&mut server.store.view("test", head.realm)).await.unwrap().unwrap();
    assert_eq!((newest.last, newest.digest), (head.last, head.digest));
    assert!(newest.sealed_at > server.now());
}

#[tokio::test]
async fn a_revoked_credential_is_refused_after_a_look() {
    let two = two().await;
    two.here().await;
    two.there().await;
    let credential = two.frontend.credential.clone();
    two.rollout.manager.ok(proto::RevokeCredentialRequest { credential, ..Default::default() }).await;
    let evaluate = || proto::EvaluateRequest { product: "kasa".into(), account: two.person.id.clone() };
    assert_eq!(two.frontend.refused(evaluate()).await.name(), "UNAUTHENTICATED");
    two.app.ok(evaluate()).await;
    two.there.app.follow().await.unwrap();
    assert_eq!(two.app.refused(evaluate()).await.name(), "UNAUTHENTICATED");
}

/// The other replica has cached that two-step is off. A sign-in there is asked for a second step all the same
/// (INV-17).
#[tokio::test]
async fn inv_17_a_stale_memory_weakens_no_sign_in() {
    let two = two().await;
    let session = two.frontend.sign_in(&two.person, "kasa", &Device::new("phone")).await;
    two.look().await;
    let half_way = two.app.begin(&two.person, "kasa", &Device::new("tablet")).await;
    assert!(!two.there().await.on);
    two.frontend.enroll(&session, &two.person).await;
    assert!(!two.there().await.on, "the memory is stale");
    let begun = two.app.begin(&two.person, "kasa", &Device::new("laptop")).await;
    assert_eq!(begun.state, proto::SignInState::PendingChallenge);
    let subject = half_way.subject();
    let held = two.app.ok(proto::CompleteSignInRequest { subject, ..Default::default() }).await;
    assert_eq!((held.session, held.session_token.as_str()), (None, ""), "held back at the end");
}

/// A rollout that is newer than the cached accounts places them by its own salt.
#[tokio::test]
async fn inv_41_a_new_rollout_places_accounts_that_are_remembered() {
    let two = two().await;
    two.rollout.roll_back(0).await;
    let mut people = vec![two.person.clone()];
    for name in ["bob", "cat", "dan", "eve", "fay", "gus"] {
        people.push(two.rollout.manager.person(name).await);
    }
    for person in &people {
        assert!(!two.frontend.evaluate(person, "kasa").await.visible);
    }
    let next = two.rollout.manager.rollout("another", &["kasa"], &[500_000]).await;
    Managed::new(&two.rollout.manager, &next).start().await;
    let fresh = two.server.replica().await;
    let theirs = two.frontend.at(fresh.channel.clone());
    let mut seen = BTreeSet::new();
    for person in &people {
        let mut one = two.frontend.evaluate(person, "kasa").await;
        let other = theirs.evaluate(person, "kasa").await;
        one.evaluate_time = other.evaluate_time;
        assert_eq!(one, other);
        seen.insert(one.visible);
    }
    assert_eq!(seen.len(), 2, "it places some below its edge and some above");
}

on_both! {
    /// An answer that is written from the cache equals one that is read from the database and rendered.
    async fn inv_41_a_cached_answer_equals_the_one_that_is_read(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let draft = operator.rollout("two-step", &["kasa"], &[500_000]).await;
        let rollout = Managed::new(&operator, &operator.start(&draft).await);
        let app = server.actor("app", Role::Frontend).await.quiet();
        for (name, address) in [("ann", Address::Verified), ("bob", Address::Unverified), ("cat", Address::Verified)] {
            operator.person_with(name, address).await;
        }
        rollout.allow(&["ann"]).await;
        let ann = operator.known("ann").await;
        let session = app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        app.enroll(&session, &ann).await;
        rollout.deny(&["bob"]).await;
        server.app.follow().await.unwrap();
        let item = |product: &str, account: &str| proto::EvaluationItem { product: product.into(), account: account.into() };
        let items: Vec<_> = ["ann", "bob", "cat", ann.id.as_str()]
            .iter()
            .flat_map(|account| [item("kasa", account), item("tapo", account)])
            .collect();
        let read = operator.ok(proto::BatchEvaluateRequest { items: items.clone() }).await;
        let again = operator.ok(proto::BatchEvaluateRequest { items: items.clone() }).await;
        assert_eq!(again, read);
        // This change invalidates nothing: an answer that is read from the database would differ.
        raw::change(&server, "UPDATE accounts SET two_step_since = NULL WHERE two_step_since IS NOT NULL").await;
        let recalled = operator.ok(proto::BatchEvaluateRequest { items: items.clone() }).await;
        assert_eq!(recalled, read);
        let explain = proto::ExplainRequest { product: "kasa".into(), account: ann.id.clone(), ..Default::default() };
        let as_read = operator.ok(explain).await.decision.unwrap();
        let remembered = operator.ok(proto::EvaluateRequest { product: "kasa".into(), account: ann.id.clone() }).await;
        assert_eq!((as_read.on, remembered.decision.unwrap().on), (false, true));
        for (item, result) in items.into_iter().zip(read.results) {
            let proto::EvaluationItem { product, account } = item;
            let one = operator.ok(proto::EvaluateRequest { product, account }).await.decision;
            assert_eq!(result.result.unwrap(), proto::evaluation_result::Result::Decision(one.unwrap()));
        }
    }

    /// `Introspect` judges a session by the newest standing, also of an account that is in the cache.
    async fn inv_16_a_session_says_by_when_it_must_be_authenticated_again(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let draft = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
        let person = operator.person("ann").await;
        let app = server.actor("app", Role::Frontend).await.quiet();
        let old = app.sign_in(&person, "kasa", &Device::new("old")).await;
        let introspect = || proto::IntrospectRequest { session_token: old.token.clone() };
        assert_eq!(app.ok(introspect()).await.session.unwrap().reauth_time, None);
        operator.start(&draft).await;
        let session = app.sign_in(&person, "kasa", &Device::new("phone")).await;
        app.enroll(&session, &person).await;
        assert!(app.ok(introspect()).await.session.unwrap().reauth_time.is_some());
        server.clock.advance(Span::minutes(1));
        assert!(app.ok(introspect()).await.active);
    }
}
