//! Times that must lie before or after another one, and tokens that must come back as they were returned.

use tidegate_core::{Span, Timestamp};
use tidegate_proto as proto;

use super::{credential, wrong};
use crate::{
    arrange::{Address, row},
    manage::{Managed, draft, mask},
    test_server::timestamp,
};

const INSTANT: Span = Span::from_micros(1);

on_both! {
    async fn a_credential_that_has_ended_is_not_made(server) {
        let (operator, now) = (server.operator(), server.now());
        for end in [Timestamp::from_unix_micros(0), now.minus(INSTANT), now] {
            let refused = operator.quiet().refused(credential("Ann", Some(end))).await;
            assert_eq!(wrong(&refused), ("expire_time", "must be after now"), "{end}");
        }
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let soon = proto::CreateCredentialRequest { request_id, ..credential("Ann", Some(now.plus(INSTANT))) };
        let first = operator.quiet().ok(soon.clone()).await;
        // A retry after a lost answer may come when the credential has already expired.
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
}
