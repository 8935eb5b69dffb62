//! Deletion: what it keeps for 30 days, and what is left afterwards.

use proto::AccountState as State;
use tidegate_core::{Span, Title};
use tidegate_proto as proto;

use super::{delete, issue_pass, lock_down, refused_in, state_of, undelete, with_factor};
use crate::{
    arrange::{NEW_PASSWORD, Person},
    owner::Device,
    raw,
    setting::Kasa,
    test_server::TestServer,
};

const MONTH: Span = Span::days(30);

fn anew(external_id: &str, email: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest {
        external_id: external_id.to_owned(),
        email: email.to_owned(),
        password: NEW_PASSWORD.to_owned(),
        ..Default::default()
    }
}

async fn state(kasa: &Kasa, person: &Person) -> State {
    let get = proto::GetAccountRequest { account: person.id.clone() };
    kasa.admin.ok(get).await.account.unwrap().state()
}

/// The tables in which a row names the account.
async fn naming(server: &TestServer, person: &Person) -> Vec<String> {
    let id: tidegate_core::AccountId = person.id.parse().unwrap();
    let (bytes, uuid) = (id.uuid().simple().to_string(), id.uuid().to_string());
    let mut found = Vec::new();
    for (table, rows) in raw::contents(server).await {
        let named = |row: &String| {
            let row = row.to_lowercase();
            row.contains(&bytes) || row.contains(&uuid)
        };
        if rows.iter().any(named) {
            found.push(table);
        }
    }
    found
}

on_both! {
    async fn inv_28_an_address_is_free_again_only_after_the_purge(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let person = kasa.admin.person("ann").await;
        support.ok(delete("ann")).await;
        let (same_name, same_address) = (anew("ann", "other@example.com"), anew("another", "Ann@Example.com"));
        server.clock.advance(MONTH.minus(Span::from_micros(1)));
        server.app.purge_deleted().await.unwrap();
        assert_eq!(state(&kasa, &person).await, State::Deleted);
        assert_eq!(kasa.admin.refused(same_name.clone()).await.name(), "EXTERNAL_ID_TAKEN");
        assert_eq!(kasa.admin.refused(same_address.clone()).await.name(), "EMAIL_TAKEN");
        server.clock.advance(Span::from_micros(1));
        assert_eq!(state_of(&support.refused(undelete("ann")).await), "deleted", "it is too late, although nobody purged it");
        assert_eq!(kasa.admin.refused(same_name.clone()).await.name(), "EXTERNAL_ID_TAKEN");
        server.app.purge_deleted().await.unwrap();
        assert_eq!(state(&kasa, &person).await, State::Purged);
        kasa.admin.ok(same_name).await;
        let new = kasa.admin.ok(same_address).await.account.unwrap();
        assert_ne!(new.id, person.id);
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        assert_eq!(begun.state, proto::SignInState::Denied, "the old password is not the new account's");
    }

    async fn a_deletion_is_taken_back_with_everything_that_the_owner_had(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        support.ok(lock_down("ann")).await;
        raw::change(&server, "UPDATE passwords SET demanded_at = NULL").await;
        let deleted = support.ok(delete("ann")).await.account.unwrap();
        assert_eq!(deleted.state(), State::Deleted);
        server.clock.advance(MONTH.minus(Span::from_micros(1)));
        let back = support.ok(undelete("ann")).await.account.unwrap();
        assert_eq!(back.state(), State::Active);
        server.app.purge_deleted().await.unwrap();
        server.clock.advance(MONTH);
        server.app.purge_deleted().await.unwrap();
        assert_eq!(state(&kasa, &owner.person).await, State::Active, "the old deletion counts no more");
        kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("phone"), &owner.enrolled.seed).await;
    }

    async fn inv_49_a_purge_erases_the_person_and_the_chain_still_verifies(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = with_factor(&kasa).await;
        let person = &owner.person;
        kasa.frontend.sign_in_with(person, "kasa", &Device::remembered("phone"), &owner.enrolled.seed).await;
        kasa.frontend.ok(proto::RegisterInterestRequest { subject: owner.session.subject() }).await;
        let (begun, _) = kasa.asked(&owner, "tablet").await;
        kasa.lost(&owner).await;
        support.ok(issue_pass("ann")).await;
        let update = proto::UpdateAccountRequest {
            account: "ann".to_owned(),
            country: "DE".to_owned(),
            labels: [("plan".to_owned(), "pro".to_owned())].into(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["country".into(), "labels".into()] }),
            ..Default::default()
        };
        kasa.admin.ok(update).await;
        server.seal().await;
        let digest = kasa.admin.ok(proto::VerifyChainRequest::default()).await.head.unwrap();
        support.ok(delete("ann")).await;
        server.clock.advance(MONTH);
        server.app.purge_deleted().await.unwrap();
        server.seal().await;

        let get = proto::GetAccountRequest { account: person.id.clone() };
        let left = kasa.admin.ok(get).await.account.unwrap();
        let tombstone = proto::Account {
            id: person.id.clone(),
            state: State::Purged.into(),
            create_time: left.create_time,
            delete_time: left.delete_time,
            ..Default::default()
        };
        assert_eq!(left, tombstone);
        assert_eq!(naming(&server, person).await, ["accounts", "deliveries", "events"]);
        let payloads = "SELECT count(*) FROM deliveries WHERE payload IS NOT NULL";
        assert_eq!(raw::count(&server, payloads).await, 0);
        for (table, rows) in raw::contents(&server).await {
            assert!(!rows.iter().any(|row| row.contains("ann@example.com")), "{table} names the address");
        }

        let filter = Some(proto::EventFilter { account: person.id.clone(), ..Default::default() });
        let list = proto::ListEventsRequest { filter, page_size: 1_000, ..Default::default() };
        let events = kasa.admin.ok(list).await.events;
        let purged = events.iter().find(|event| event.kind == "account_purged").unwrap();
        assert_eq!(purged.actor, "worker/purge");
        assert!(events.len() > 15, "{}", events.len());
        for event in &events {
            assert!(event.email.is_empty() && event.ip.is_empty() && event.user_agent.is_empty(), "{}", event.kind);
        }
        let anchor = Some(digest);
        let verified = kasa.admin.ok(proto::VerifyChainRequest { anchor, ..Default::default() }).await;
        assert!(verified.valid && verified.anchor_checked, "{verified:?}");

        let finish = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap_err();
        assert_eq!(finish.name(), "SUBJECT_NOT_VALID", "INV-27: nothing of it is left");
        assert_eq!(refused_in(&support, delete(&person.id)).await.as_deref(), Some("purged"));
        assert_eq!(support.refused(delete("ann")).await.name(), "ACCOUNT_NOT_FOUND");
    }

    /// Two replicas purge at once, and one event is left.
    async fn an_account_is_purged_once(server) {
        let kasa = Kasa::open(&server).await;
        let (support, replica) = (kasa.support().await, server.replica().await);
        let mut people = Vec::new();
        for name in ["ann", "bob", "eve"] {
            people.push(kasa.admin.person(name).await);
            support.ok(delete(name)).await;
        }
        server.clock.advance(MONTH);
        let (one, other) = tokio::join!(server.app.purge_deleted(), replica.app.purge_deleted());
        one.unwrap();
        other.unwrap();
        for person in &people {
            assert_eq!(kasa.recorded(person, "account_purged").await.len(), 1);
        }
    }

    /// Later events of a purged account have no personal fields, and none fails.
    async fn what_support_sees_of_a_purged_account_is_recorded(server) {
        let kasa = Kasa::open(&server).await;
        let support = kasa.support().await;
        let person = kasa.admin.person("ann").await;
        support.ok(delete("ann")).await;
        server.clock.advance(MONTH);
        server.app.purge_deleted().await.unwrap();
        let reason: Title = "ticket 9".parse().unwrap();
        let on = proto::OnBehalf { account: person.id.clone(), product: "kasa".to_owned(), reason: reason.into() };
        let subject = crate::owner::subject(proto::subject::Who::OnBehalf(on));
        assert_eq!(support.ok(proto::ListFactorsRequest { subject }).await.factors, []);
        assert_eq!(kasa.recorded(&person, "seen_on_behalf").await, [r#"{"reason":"ticket 9"}"#]);
    }
}
