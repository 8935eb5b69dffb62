//! Previews of changes, and lists of whom a rollout reaches, in short.

use proto::{preview_rollout_request::Change, preview_rollout_response::Part};
use tidegate_client::Refused;
use tidegate_core::{AccountId, Id, Refusal, Role};
use tidegate_proto as proto;
use tidegate_service::{
    Error,
    rollouts::{LaterInstants, PlannedChange, PlannedVerb, PreviewExtent, PreviewRequest, PreviewRollout},
};
use tidegate_store::scan::{self, Parts};

use crate::{
    actor::Actor,
    arrange::{Address, row},
    raw,
    rpc::Streams,
    test_server::{CredentialSpec, TestServer},
    use_cases::agent,
};

pub fn preview(rollout: &str, change: Change) -> proto::PreviewRolloutRequest {
    let (rollout, change) = (rollout.to_owned(), Some(change));
    proto::PreviewRolloutRequest { rollout, change, sample_size: 100, ..Default::default() }
}

pub fn reached(rollout: &str, product: &str) -> proto::ListReachedRequest {
    let (rollout, product) = (rollout.to_owned(), product.to_owned());
    proto::ListReachedRequest { rollout, product, ..Default::default() }
}

impl Actor {
    /// The result, after the progress that comes first.
    pub async fn preview(
        &self,
        request: proto::PreviewRolloutRequest,
    ) -> Result<proto::RolloutPreview, Refused> {
        let mut stream = self.stream(request).await?;
        let first = stream.next().await?.and_then(|message| message.part);
        let Some(Part::Progress(progress)) = first else { panic!("{first:?}") };
        assert_eq!(progress.account_count, 0);
        loop {
            match stream.next().await?.and_then(|message| message.part) {
                Some(Part::Progress(_)) => {}
                Some(Part::Result(result)) => {
                    assert!(stream.next().await?.is_none(), "the result ends it");
                    return Ok(result);
                }
                None => panic!("no result"),
            }
        }
    }
}

async fn refused<M: Streams>(actor: &Actor, request: M) -> Refused {
    actor.stream(request).await.err().unwrap()
}

/// A draft at kasa and tapo that would reach all of three accounts.
async fn drafted(server: &TestServer) -> proto::Rollout {
    let operator = server.operator();
    operator.product("kasa").await;
    operator.product("tapo").await;
    let rows = (1..=3).map(|number| row(number, &format!("u-{number}"), Address::Verified));
    operator.import(rows.collect()).await.unwrap();
    operator.rollout("two-step", &["kasa", "tapo"], &[1_000_000]).await
}

fn counts(preview: &proto::RolloutPreview) -> Vec<(&str, i64, i64)> {
    preview.products.iter().map(|at| (at.product.as_str(), at.before_count, at.after_count)).collect()
}

on_both! {
    async fn an_account_that_was_deleted_is_not_counted(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let (account, product, reason) = ("u-2".to_owned(), "kasa".to_owned(), "asked to".to_owned());
        operator.ok(proto::DeleteAccountRequest { account, product, reason, ..Default::default() }).await;
        let result = operator.preview(preview(&draft.key, Change::Start(true))).await.unwrap();
        assert_eq!(counts(&result), [("kasa", 0, 2), ("tapo", 0, 2)]);
        operator.start(&draft).await;
        let listed = operator.ok(reached(&draft.key, "kasa")).await.accounts;
        assert_eq!(listed.len(), 2);
    }

    async fn a_preview_counts_at_one_product_or_at_all(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let start = preview(&draft.key, Change::Start(true));
        let all = operator.preview(start.clone()).await.unwrap();
        assert_eq!(counts(&all), [("kasa", 0, 3), ("tapo", 0, 3)]);
        assert_eq!((all.account_count, all.revision), (3, 1));
        let one = operator.preview(proto::PreviewRolloutRequest { product: "tapo".into(), ..start }).await.unwrap();
        assert_eq!(counts(&one), [("tapo", 0, 3)]);
    }

    async fn a_preview_changes_nothing(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let before = raw::rows(&server, "SELECT 'r' FROM rollout_revisions UNION ALL SELECT 'e' FROM events").await;
        for change in [Change::Start(true), Change::Stop(true)] {
            operator.preview(preview(&draft.key, change)).await.unwrap();
        }
        let get = proto::GetRolloutRequest { rollout: draft.key.clone() };
        assert_eq!(operator.ok(get).await.rollout.unwrap(), draft);
        let after = raw::rows(&server, "SELECT 'r' FROM rollout_revisions UNION ALL SELECT 'e' FROM events").await;
        assert_eq!(before, after);
    }

    /// The sample has as many accounts as were asked for, and the same ones each time.
    async fn a_sample_has_its_size(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let sampled = async |sample_size| {
            let request = proto::PreviewRolloutRequest { sample_size, ..preview(&draft.key, Change::Start(true)) };
            let mut products = operator.preview(request).await.unwrap().products.into_iter();
            products.next().unwrap().enter.unwrap()
        };
        for (size, kept) in [(0, 0), (2, 2), (100, 3)] {
            let sample = sampled(size).await;
            assert_eq!((sample.count, sample.account_ids.len()), (3, kept));
            assert_eq!(sampled(size).await, sample);
        }
        for size in [-1, 101] {
            let request = proto::PreviewRolloutRequest { sample_size: size, ..preview(&draft.key, Change::Start(true)) };
            assert_eq!(refused(&operator, request).await.violations[0].field, "sample_size");
        }
    }

    /// A credential for one product learns nothing of a rollout that also covers another, as it could not change it.
    async fn a_preview_and_a_list_keep_to_the_products_of_the_credential(server) {
        let draft = drafted(&server).await;
        let limited = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::RolloutManager) };
        let limited = server.with_credential("manager of kasa", limited).await;
        assert_eq!(refused(&limited, preview(&draft.key, Change::Start(true))).await.name(), "PRODUCT_NOT_PERMITTED");
        assert_eq!(limited.refused(reached(&draft.key, "tapo")).await.name(), "PRODUCT_NOT_PERMITTED");
        limited.ok(reached(&draft.key, "kasa")).await;
    }

    /// Who drops a preview ends its reading.
    async fn one_preview_at_a_time_reads_all_accounts(server) {
        let draft = drafted(&server).await;
        let agent = agent(&server, Role::Operator, raw::realm(&server).await).await;
        let begin = || {
            let change = PlannedChange { verb: PlannedVerb::Start, then_start: false };
            let rollout = draft.key.parse().unwrap();
            let later = LaterInstants::At(Vec::new());
            PreviewRollout::Begin(Box::new(PreviewRequest { rollout, etag: None, change, product: None, sample: 0, later, extent: PreviewExtent::Counted }))
        };
        let held = server.app.ask(agent.clone(), begin()).await.unwrap();
        let second = server.app.ask(agent.clone(), begin()).await;
        assert!(matches!(second, Err(Error::Refused(Refusal::Busy { .. }))), "{second:?}");
        drop(held);
        server.app.ask(agent, begin()).await.unwrap();
    }

    async fn inv_32_a_rollout_of_another_realm_is_not_previewed(server) {
        let draft = drafted(&server).await;
        server.realm("two").await;
        let other = server.operator().in_realm("two");
        let theirs = refused(&other, preview(&draft.key, Change::Start(true))).await;
        let nobodys = refused(&other, preview("nothing", Change::Start(true))).await;
        assert_eq!((theirs.name(), theirs.to_string()), ("ROLLOUT_NOT_FOUND", nobodys.to_string()));
    }

    /// A scan reads the same in pages of any size, and each account once.
    async fn a_scan_does_not_depend_on_its_pages(server) {
        let draft = drafted(&server).await;
        server.operator().start(&draft).await;
        let mut view = server.store.view("test", raw::realm(&server).await);
        let parts = Parts { described: true, methods: true, interest: true };
        let whole = scan::page(&mut view, parts, AccountId::MIN, 100).await.unwrap();
        assert_eq!((whole.len(), scan::count(&mut view).await.unwrap()), (3, 3));
        let (mut after, mut pages) = (Id::MIN, Vec::new());
        loop {
            let page = scan::page(&mut view, parts, after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.standing.account;
            pages.extend(page);
        }
        assert_eq!(pages, whole);
    }

    async fn reached_accounts_are_listed_page_by_page(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let first = proto::ListReachedRequest { page_size: 2, ..reached(&draft.key, "kasa") };
        assert_eq!(operator.ok(first.clone()).await, proto::ListReachedResponse::default());
        operator.start(&draft).await;
        let one = operator.ok(first.clone()).await;
        let two = operator.ok(proto::ListReachedRequest { page_token: one.next_page_token.clone(), ..first.clone() }).await;
        let names = |page: &proto::ListReachedResponse| -> Vec<String> {
            page.accounts.iter().map(|account| account.external_id.clone()).collect()
        };
        let mut all = [names(&one), names(&two)].concat();
        all.sort();
        assert_eq!((all, two.next_page_token.as_str()), (vec!["u-1".to_owned(), "u-2".to_owned(), "u-3".to_owned()], ""));
        // A token belongs to its list.
        let page_token = one.next_page_token;
        let other = proto::ListReachedRequest { page_token, wave: 1, ..first };
        assert_eq!(operator.refused(other).await.violations[0].field, "page_token");
    }
}
