//! Previews of changes, and lists of whom a rollout reaches, in short.

use proto::{
    Rung, planned_step::Change as Step, preview_rollout_request::Change, preview_rollout_response::Part,
};
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
    ladders::{everybody, phase},
    manage::draft,
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

    /// Each call that makes the rollout is carried out, and nothing is written.
    async fn a_rollout_that_does_not_exist_is_previewed(server) {
        drafted(&server).await;
        let operator = server.operator();
        let steps = |create, rest: Vec<Step>| {
            let steps = std::iter::once(Step::Create(create)).chain(rest);
            let steps = steps.map(|change| proto::PlannedStep { change: Some(change) }).collect();
            Change::Steps(proto::PlannedSteps { steps })
        };
        let create = || proto::PlannedCreate {
            key: "new".into(),
            title: "New".into(),
            products: vec!["tapo".into()],
            waves: vec![draft("half", 500_000, &[])],
            ..Default::default()
        };
        let all = || Step::AddWave(draft("all", 1_000_000, &[]));
        let ladder = Step::SetLadder(proto::PlannedLadder { rules: vec![everybody(vec![phase(None, Rung::Required)])] });
        let request = proto::PreviewRolloutRequest {
            then_start: true,
            ..preview("new", steps(create(), vec![all(), ladder]))
        };
        let told = operator.preview(request.clone()).await.unwrap();
        let [at] = told.products.as_slice() else { panic!("{told:?}") };
        assert_eq!((at.product.as_str(), at.before_count, at.required_before_count), ("tapo", 0, 0));
        assert_eq!((at.required_after_count, told.revision), (3, 0));
        assert_eq!(operator.preview(request).await.unwrap().products, told.products, "each preview counts the same draw");
        let get = proto::GetRolloutRequest { rollout: "new".into() };
        assert_eq!(operator.refused(get).await.name(), "ROLLOUT_NOT_FOUND");

        let refused = async |key: &str, etag: &str, change| {
            let request = proto::PreviewRolloutRequest { etag: etag.into(), ..preview(key, change) };
            let refused = self::refused(&operator, request).await;
            let field = refused.violations.first().map(|wrong| wrong.field.clone());
            (refused.name().to_owned(), field.unwrap_or_default())
        };
        let invalid = |field: &str| ("INVALID_REQUEST".to_owned(), field.to_owned());
        assert_eq!(refused("other", "", steps(create(), vec![])).await, invalid("steps.steps[0].create.key"));
        assert_eq!(refused("new", "r1", steps(create(), vec![])).await, invalid("etag"));
        assert_eq!(refused("new", "", steps(create(), vec![Step::Create(create())])).await, invalid("steps.steps[1].create"));
        let nowhere = proto::PlannedCreate { products: vec!["tpo".into()], ..create() };
        let wrong = refused("new", "", steps(nowhere, vec![])).await;
        assert_eq!(wrong, ("PRODUCT_NOT_FOUND".into(), "steps.steps[0].create.products[0]".into()));
        let tiny = proto::PlannedCreate { waves: vec![proto::WaveDraft { allow_tiny: false, ..draft("tiny", 500, &[]) }], ..create() };
        let wrong = refused("new", "", steps(tiny, vec![])).await;
        assert_eq!(wrong, ("EDGE_TINY".into(), "steps.steps[0].create.waves[0].edge_ppm".into()));
        let taken = proto::PlannedCreate { key: "two-step".into(), ..create() };
        assert_eq!(refused("two-step", "", steps(taken, vec![])).await.0, "KEY_TAKEN");
        let step = all();
        let unknown = Change::Steps(proto::PlannedSteps { steps: vec![proto::PlannedStep { change: Some(step) }] });
        assert_eq!(refused("new", "", unknown).await.0, "ROLLOUT_NOT_FOUND");
    }

    /// A credential for one product cannot try out what it could not create.
    async fn a_creation_is_previewed_by_who_may_create_it(server) {
        drafted(&server).await;
        let limited = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::RolloutManager) };
        let limited = server.with_credential("manager of kasa", limited).await;
        let create = |product: &str| {
            let (key, title, products) = ("new".to_owned(), "New".to_owned(), vec![product.to_owned()]);
            let create = proto::PlannedCreate { key, title, products, ..Default::default() };
            let steps = vec![proto::PlannedStep { change: Some(Step::Create(create)) }];
            preview("new", Change::Steps(proto::PlannedSteps { steps }))
        };
        assert_eq!(refused(&limited, create("tapo")).await.name(), "PRODUCT_NOT_PERMITTED");
        limited.preview(create("kasa")).await.unwrap();
    }

    /// It refuses what the calls would refuse, and reads no account for it: it needs not wait for a reading.
    async fn a_check_counts_nothing(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let agent = agent(&server, Role::Operator, raw::realm(&server).await).await;
        let begin = PreviewRollout::Begin(Box::new(PreviewRequest {
            rollout: draft.key.parse().unwrap(),
            etag: None,
            change: PlannedChange { verb: PlannedVerb::Start, then_start: false },
            product: None,
            sample: 0,
            later: LaterInstants::At(Vec::new()),
            extent: PreviewExtent::Counted,
        }));
        let _held = server.app.ask(agent, begin).await.unwrap();
        let check = |change| proto::PreviewRolloutRequest { check_only: true, ..preview(&draft.key, change) };
        let nothing = proto::WaveDraft { edge: crate::manage::ppm(0), title: "nobody".into(), ..Default::default() };
        let mut stream = operator.stream(check(Change::AddWave(nothing))).await.unwrap();
        let Some(Part::Result(told)) = stream.next().await.unwrap().and_then(|message| message.part) else {
            panic!("no result at once")
        };
        assert!(stream.next().await.unwrap().is_none());
        assert_eq!((told.products.len(), told.account_count, told.revision), (0, 0, 1));
        assert_eq!(told.warnings[0].field, "waves[2].edge_ppm");
        assert_eq!(refused(&operator, check(Change::Advance(true))).await.name(), "ROLLOUT_NOT_STARTED");
        let stale = proto::PreviewRolloutRequest { etag: "r9".into(), ..check(Change::Start(true)) };
        assert_eq!(refused(&operator, stale).await.name(), "ETAG_MISMATCH");
    }

    /// As `UpdateRollout` takes it.
    async fn a_planned_update_takes_every_field(server) {
        let draft = drafted(&server).await;
        let operator = server.operator();
        let window = |opens: &str| proto::AdvanceWindow {
            days: vec![proto::Weekday::Monday.into()],
            opens: opens.into(),
            closes: "16:00".into(),
            zone: "Europe/Berlin".into(),
        };
        let update = |path: &str| proto::PlannedUpdate {
            title: "Other".into(),
            method: Some(crate::method_moves::from_sms()),
            advance_window: Some(window("09:00")),
            update_mask: crate::manage::mask(path),
            ..Default::default()
        };
        for path in ["title", "advance_window"] {
            operator.preview(preview(&draft.key, Change::Update(update(path)))).await.unwrap();
        }
        let of_two_step = refused(&operator, preview(&draft.key, Change::Update(update("method")))).await;
        assert_eq!((of_two_step.name(), of_two_step.violations[0].field.as_str()), ("FIXED_BY_START", "method"));
        let wrong = proto::PlannedUpdate { advance_window: Some(window("9")), ..update("advance_window") };
        let wrong = refused(&operator, preview(&draft.key, Change::Update(wrong))).await;
        assert_eq!(wrong.violations[0].field, "update.advance_window.opens");
    }
}
