//! Who read the accounts of others stands in the record; what an app reads for an owner does not.

use tidegate_core::{Role, Word as _};
use tidegate_proto as proto;

use crate::{actor::Actor, raw, test_server::TestServer};

/// Kind, actor, address and fields of the newest events of this kind, the newest first.
async fn recorded(server: &TestServer, kind: &str) -> Vec<(String, String, String)> {
    let filter = Some(proto::EventFilter { kinds: vec![kind.to_owned()], ..Default::default() });
    let listed = server.operator().ok(proto::ListEventsRequest { filter, ..Default::default() }).await;
    listed.events.into_iter().map(|event| (event.actor, event.email, event.data)).collect()
}

async fn get(actor: &Actor) -> proto::Account {
    actor.ok(proto::GetAccountRequest { account: "ann".into() }).await.account.unwrap()
}

async fn lookup(actor: &Actor) -> proto::Account {
    actor.ok(proto::LookupAccountRequest { email: "Ann@EXAMPLE.com".into() }).await.account.unwrap()
}

on_both! {
    async fn inv_49_what_people_read_of_an_account_is_recorded(server) {
        server.operator().person("ann").await;
        for role in [Role::Operator, Role::Admin, Role::Support, Role::RolloutManager] {
            let reader = server.actor(role.as_str(), role).await.quiet();
            let account = get(&reader).await;
            assert_eq!(lookup(&reader).await, account);
            let read = recorded(&server, "account_read").await;
            let event = |by_address: bool| {
                (reader.credential.clone(), account.email.clone(), format!("{{\"by_address\":{by_address}}}"))
            };
            assert_eq!(read[..2], [event(true), event(false)], "{}", role.as_str());
        }
        assert_eq!(recorded(&server, "account_read").await.len(), 8);
        let found = raw::count(&server, "SELECT count(DISTINCT account_id) FROM events WHERE fact LIKE '%account_read%'").await;
        assert_eq!(found, 1, "the event is of the account");
    }

    async fn inv_49_a_list_is_recorded_once_a_page_with_its_filter(server) {
        let operator = server.operator();
        for name in ["ann", "bob", "cid"] {
            operator.person(name).await;
        }
        let support = server.actor("support", Role::Support).await.quiet();
        let first = proto::ListAccountsRequest { page_size: 2, ..Default::default() };
        let page_token = support.ok(first.clone()).await.next_page_token;
        support.ok(proto::ListAccountsRequest { page_token, ..first }).await;
        let filter = Some(proto::AccountFilter { country: "DE".into() });
        assert_eq!(support.ok(proto::ListAccountsRequest { filter, ..Default::default() }).await.accounts, []);
        let event = |data: &str| (support.credential.clone(), String::new(), data.to_owned());
        assert_eq!(
            recorded(&server, "accounts_listed").await,
            [
                event("{\"count\":0,\"country\":\"DE\"}"),
                event("{\"count\":1,\"country\":null}"),
                event("{\"count\":2,\"country\":null}"),
            ]
        );
        assert_eq!(recorded(&server, "account_read").await, [], "and not every account of it");
    }

    async fn an_app_reads_for_the_owner_and_leaves_nothing(server) {
        server.operator().person("ann").await;
        let frontend = server.actor("app", Role::Frontend).await.quiet();
        let before = raw::count(&server, "SELECT count(*) FROM events").await;
        assert_eq!(get(&frontend).await, lookup(&frontend).await);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events").await, before);
    }

    async fn who_finds_nothing_has_read_nothing(server) {
        let support = server.actor("support", Role::Support).await.quiet();
        let before = raw::count(&server, "SELECT count(*) FROM events").await;
        let refused = support.refused(proto::GetAccountRequest { account: "nobody".into() }).await;
        assert_eq!(refused.name(), "ACCOUNT_NOT_FOUND");
        assert_eq!(raw::count(&server, "SELECT count(*) FROM events").await, before);
    }

    /// No answer leaves the server whose event is not kept.
    async fn inv_49_an_account_is_not_shown_when_its_event_cannot_be_kept(server) {
        server.operator().person("ann").await;
        let support = server.actor("support", Role::Support).await.quiet();
        let frontend = server.actor("app", Role::Frontend).await.quiet();
        let blocked = if server.is_sqlite() {
            "CREATE TRIGGER no_events BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no events'); END"
        } else {
            "CREATE RULE no_events AS ON INSERT TO events DO INSTEAD SELECT 1 / 0"
        };
        raw::change(&server, blocked).await;
        let refused = support.call(proto::GetAccountRequest { account: "ann".into() }).await.unwrap_err();
        assert_eq!(refused.code, tonic::Code::Internal, "{refused:?}");
        assert_eq!(get(&frontend).await.external_id, "ann");
    }
}
