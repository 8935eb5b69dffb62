//! Values that look right and are not: each is refused with the field that has it, and nothing is kept of it.

use tidegate_client::Refused;
use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, PASSWORD, row},
    manage::{Managed, draft, mask},
    test_server::{TestServer, timestamp},
};

const INSTANT: Span = Span::from_micros(1);

/// The one field that is wrong, and why.
#[track_caller]
fn wrong(refused: &Refused) -> (&str, &str) {
    assert_eq!((refused.code, refused.name()), (tonic::Code::InvalidArgument, "INVALID_REQUEST"), "{refused}");
    let [wrong] = refused.violations.as_slice() else { panic!("{refused}") };
    (&wrong.field, &wrong.description)
}

fn credential(holder: &str, expires_at: Option<Timestamp>) -> proto::CreateCredentialRequest {
    proto::CreateCredentialRequest {
        role: proto::RoleType::Frontend.into(),
        all_products: true,
        title: "Kasa app".into(),
        holder: holder.into(),
        expire_time: expires_at.map(timestamp),
        ..Default::default()
    }
}

fn product(title: &str, link_url: &str) -> proto::CreateProductRequest {
    let settings = proto::ProductSettings { link_url: link_url.into(), ..Default::default() };
    proto::CreateProductRequest {
        key: "kasa".into(),
        title: title.into(),
        settings: Some(settings),
        ..Default::default()
    }
}

/// What mail cannot reach is kept for no account, whichever way it comes.
async fn refuse_address(server: &TestServer, email: &str) {
    let operator = server.operator();
    let create =
        proto::CreateAccountRequest { email: email.into(), password: PASSWORD.into(), ..Default::default() };
    assert_eq!(wrong(&operator.refused(create).await).0, "email", "{email}");
    let imported =
        operator.import(vec![proto::ImportRow { email: email.into(), ..row(1, "ann", Address::Verified) }]).await;
    let imported = imported.unwrap();
    let fields: Vec<_> = imported.reports.iter().map(|report| report.field.as_str()).collect();
    assert_eq!((imported.created_count, fields), (0, vec!["email"]), "{email}");
}

on_both! {
    async fn an_address_that_mail_cannot_reach_is_refused(server) {
        for email in [
            "a@b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "\"a b\"@example.com",
            "a@[192.0.2.1]",
            "a@192.0.2.1",
            "an\u{200b}n@example.com",
            "an\u{ad}n@example.com",
            "ann\u{202e}@example.com",
            "ann@exam\u{200b}ple.com",
        ] {
            refuse_address(&server, email).await;
        }
    }

    /// Sign-in finds an account by the domain that was typed, and by no other that folds into it; so two people at
    /// two such domains have an account each.
    async fn inv_28_domains_that_only_fold_alike_are_two(server) {
        let operator = server.operator();
        let emails = ["ann@faß.example", "ann@fass.example", "ann@βόλος.example", "ann@βόλοσ.example"];
        let mut ids = Vec::new();
        for email in emails {
            let create = proto::CreateAccountRequest { email: email.into(), ..Default::default() };
            ids.push(operator.ok(create).await.account.unwrap().id);
        }
        for (typed, id) in [
            ("Ann@Faß.EXAMPLE", &ids[0]),
            ("ann@xn--fa-hia.example", &ids[0]),
            ("ANN@FASS.example", &ids[1]),
            ("ann@βόλος.example", &ids[2]),
            ("ann@ΒΌΛΟΣ.example", &ids[3]),
        ] {
            let found = operator.ok(proto::LookupAccountRequest { email: typed.into() }).await;
            assert_eq!(found.account.unwrap().id, *id, "{typed}");
        }
        let again = proto::CreateAccountRequest { email: "ANN@XN--FA-HIA.example".into(), ..Default::default() };
        assert_eq!(operator.refused(again).await.name(), "EMAIL_TAKEN");
    }

    async fn a_credential_that_has_ended_is_not_made(server) {
        let (operator, now) = (server.operator(), server.now());
        for end in [Timestamp::from_unix_micros(0), now.minus(INSTANT), now] {
            let refused = operator.quiet().refused(credential("Ann", Some(end))).await;
            assert_eq!(wrong(&refused), ("expire_time", "must be after now"), "{end}");
        }
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let soon = proto::CreateCredentialRequest { request_id, ..credential("Ann", Some(now.plus(INSTANT))) };
        let first = operator.quiet().ok(soon.clone()).await;
        // A retry after a lost answer comes when the credential has ended.
        server.pass(Span::minutes(1));
        assert_eq!(operator.quiet().ok(soon).await.credential, first.credential);
    }

    async fn nothing_was_created_in_the_future(server) {
        let (operator, latest) = (server.operator().quiet(), server.now().plus(Span::minutes(5)));
        let customer = |key: &str, at: Timestamp| proto::CreateCustomerRequest {
            key: key.into(),
            title: "Acme".into(),
            create_time: Some(timestamp(at)),
            ..Default::default()
        };
        let account = |name: &str, at: Timestamp| proto::ImportRow {
            create_time: Some(timestamp(at)),
            ..row(1, name, Address::Verified)
        };
        let end_of_time = Timestamp::from_rfc3339("9999-12-31T23:59:59Z").unwrap();
        for at in [latest.plus(INSTANT), end_of_time] {
            let must = "must not be more than 5 minutes after now";
            assert_eq!(wrong(&operator.refused(customer("acme", at)).await), ("create_time", must));
            let imported = operator.import(vec![account("ann", at)]).await.unwrap();
            let report = &imported.reports[0];
            assert_eq!((imported.failed_count, imported.created_count), (1, 0));
            assert_eq!((report.problem(), report.field.as_str()), (proto::ImportProblem::Malformed, "create_time"));
            assert_eq!(report.description, must);
        }
        operator.ok(customer("acme", latest)).await;
        assert_eq!(operator.import(vec![account("ann", latest)]).await.unwrap().created_count, 1);
    }

    async fn an_audience_of_no_instant_is_refused(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let rollout = operator.rollout("two-step", &["kasa"], &[100_000]).await;
        let rollout = Managed::new(&operator, &rollout);
        let now = server.now();
        for attribute in ["account.created", "customer.created"] {
            let during = |from: Timestamp, before: Timestamp| {
                let test = proto::AttributeTest {
                    attribute: attribute.into(),
                    from_time: Some(timestamp(from)),
                    before_time: Some(timestamp(before)),
                    ..Default::default()
                };
                proto::Audience { kind: Some(proto::audience::Kind::Test(test)) }
            };
            let wave = |audience| proto::AddWaveRequest {
                rollout: rollout.key.clone(),
                etag: rollout.etag(),
                wave: Some(proto::WaveDraft { audience: Some(audience), ..draft("dated", 200_000, &[]) }),
                ..Default::default()
            };
            for from in [now, now.plus(INSTANT)] {
                let refused = operator.refused(wave(during(from, now))).await;
                assert_eq!(wrong(&refused), ("wave.audience.test.before_time", "must be after from_time"));
            }
        }
        let filter = |from: Timestamp, to: Timestamp| proto::ListEventsRequest {
            filter: Some(proto::EventFilter {
                from_time: Some(timestamp(from)),
                to_time: Some(timestamp(to)),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = operator.refused(filter(now, now)).await;
        assert_eq!(wrong(&refused), ("filter.to_time", "must be after from_time"));
        operator.ok(filter(now, now.plus(INSTANT))).await;
    }

    async fn an_etag_and_a_page_token_are_taken_only_as_they_were_returned(server) {
        let operator = server.operator();
        operator.customer("acme").await;
        operator.customer("beta").await;
        let update = |etag: &str| proto::UpdateCustomerRequest {
            customer: "acme".into(),
            etag: etag.into(),
            title: "Acme Ltd".into(),
            update_mask: mask("title"),
            ..Default::default()
        };
        for etag in ["r+1", "r01", "r 1", "1", "R1"] {
            assert_eq!(wrong(&operator.refused(update(etag)).await).0, "etag", "{etag}");
        }
        operator.ok(update("r1")).await;

        let list = |page_token: String| proto::ListCustomersRequest { page_size: 1, page_token };
        let token = operator.ok(list(String::new())).await.next_page_token;
        let place = token.bytes().step_by(2).position(|digit| digit == b'0').unwrap() * 2;
        let mut signed = token.clone();
        signed.replace_range(place..=place, "+");
        for token in [signed, token.to_uppercase()] {
            assert_eq!(wrong(&operator.refused(list(token)).await).0, "page_token");
        }
        operator.ok(list(token)).await;
    }

    async fn a_link_url_says_the_same_to_every_reader(server) {
        let operator = server.operator();
        for link_url in [
            "https://u:p@kasa.example/",
            "https://kasa.example\\@evil.example/",
            "https://kasa.example",
            "https://KASA.example/",
            "https://0x7f.1/",
            "http://kasa.example/",
        ] {
            let (field, why) = {
                let refused = operator.refused(product("Kasa", link_url)).await;
                let (field, why) = wrong(&refused);
                (field.to_owned(), why.to_owned())
            };
            assert_eq!(field, "settings.link_url", "{link_url}");
            assert!(!why.contains("u:p"), "{why}");
        }
        let made = operator.ok(product("Kasa", "https://kasa.example/confirm?lang=de")).await.product.unwrap();
        assert_eq!(made.settings.unwrap().link_url, "https://kasa.example/confirm?lang=de");
    }

    async fn what_people_read_is_kept_in_one_form_and_readable(server) {
        let operator = server.operator();
        for unseen in ["", " \u{3000}", "Ka\u{200b}sa", "\u{202e}asaK", "Ka\nsa", "\u{3164}", &"ä".repeat(201)] {
            let title = operator.refused(product(unseen, "https://kasa.example/")).await;
            assert_eq!(wrong(&title).0, "title", "{unseen:?}");
            let holder = operator.refused(credential(unseen, None)).await;
            assert_eq!(wrong(&holder).0, "holder", "{unseen:?}");
        }
        let made = operator.ok(product(" Ka\u{308}sa: home ", "https://kasa.example/")).await.product.unwrap();
        assert_eq!(made.title, "Käsa: home");
        let label = |text: &str| proto::CreateAccountRequest {
            external_id: "ann".into(),
            labels: [("tier".to_owned(), text.to_owned())].into(),
            ..Default::default()
        };
        assert_eq!(wrong(&operator.refused(label("go\u{200d}ld")).await).0, "labels[0]");
        let made = operator.ok(label(" gu\u{308}ld")).await.account.unwrap();
        assert_eq!(made.labels["tier"], "güld");
    }

    /// The same person under a name that only looks like another one.
    async fn a_stop_is_not_cleared_by_one_person_with_two_spellings(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let rollout = operator.start(&operator.rollout("two-step", &["kasa"], &[1_000_000]).await).await;
        let stop = proto::StopRolloutRequest { rollout: rollout.key.clone(), ..Default::default() };
        let mut etag = operator.ok(stop).await.rollout.unwrap().etag;
        let approver = |holder: &str| proto::CreateCredentialRequest {
            role: proto::RoleType::RolloutApprover.into(),
            ..credential(holder, None)
        };
        let names = ["Bob Łąk", "bob  łąk", "Bob\u{2009}Łąk", "Bob\u{3000}ŁĄK", "BobŁa\u{328}k"];
        for (place, name) in names.into_iter().enumerate() {
            let token = operator.ok(approver(name)).await.token;
            let clear = proto::ClearStopRequest { rollout: rollout.key.clone(), etag: etag.clone(), ..Default::default() };
            match operator.with(&token).call(clear).await {
                Ok(answer) if place == 0 => etag = answer.rollout.unwrap().etag,
                answer => assert_eq!(answer.unwrap_err().name(), "SECOND_PERSON_NEEDED", "{name}"),
            }
        }
    }
}

/// A user agent is no more than a hint, so what cannot be read of it is left out.
#[tokio::test]
async fn a_user_agent_is_kept_without_what_nobody_sees() {
    let server = TestServer::sqlite().await;
    let operator = server.operator();
    operator.product("kasa").await;
    let ann = operator.person("ann").await;
    let frontend = server.actor("frontend", Role::Frontend).await;
    let begin = proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: ann.email.clone(),
        password: PASSWORD.into(),
        client: Some(proto::ClientContext {
            user_agent: "Kasa\u{202e}/1.0\n\u{200b}(phone)".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    frontend.ok(begin).await;
    let filter = proto::EventFilter { account: ann.id.clone(), ..Default::default() };
    let events = operator.ok(proto::ListEventsRequest { filter: Some(filter), ..Default::default() }).await;
    let agents: Vec<_> = events.events.iter().map(|event| event.user_agent.as_str()).collect();
    assert!(agents.contains(&"Kasa/1.0(phone)"), "{agents:?}");
}
