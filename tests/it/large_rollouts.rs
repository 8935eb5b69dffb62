//! A rollout stays small enough to be sent whole, and a page of rollouts too.

use std::ops::Range;

use prost::Message as _;
use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    audiences::labelled,
    manage::{Managed, draft},
};

/// What a client takes by default.
const ANSWER: usize = 4 << 20;

/// A wave for a thousand sites: 66 kB.
fn wide(number: usize) -> proto::WaveDraft {
    let sites: Vec<_> =
        (0..1_000).map(|which| format!("{:k<63}", format!("site-{number}-{which}-"))).collect();
    let sites: Vec<_> = sites.iter().map(String::as_str).collect();
    proto::WaveDraft {
        audience: Some(labelled("account.label", "site", &sites)),
        ..draft(&format!("wave {number}"), 1_000_000, &[])
    }
}

on_both! {
    async fn a_rollout_is_bounded_and_can_always_be_stopped(server) {
        let admin = server.actor("admin", Role::Admin).await.quiet();
        admin.product("kasa").await;
        let create = |waves: Range<usize>| proto::CreateRolloutRequest {
            key: "two-step".into(), title: "Two-step".into(), products: vec!["kasa".into()],
            waves: waves.map(wide).collect(), ..Default::default()
        };
        let refused = admin.refused(create(0..17)).await;
        assert_eq!((refused.name(), refused.metadata["most"].as_str()), ("ROLLOUT_TOO_LARGE", "1048576"));
        let rollout = Managed::new(&admin, &admin.ok(create(0..14)).await.rollout.unwrap());
        let add = |number| proto::AddWaveRequest {
            rollout: "two-step".into(), etag: rollout.etag(), wave: Some(wide(number)), ..Default::default()
        };
        rollout.keep(&admin.ok(add(14)).await.rollout.unwrap());
        assert_eq!(admin.refused(add(15)).await.name(), "ROLLOUT_TOO_LARGE");
        rollout.start().await;
        rollout.stop("sign-ins fail").await;
        rollout.roll_back(0).await;
        // Nothing of it is too large for a client, and every page leads to the next.
        let (mut token, mut seen) = (String::new(), Vec::new());
        loop {
            let list = proto::ListRevisionsRequest {
                rollout: "two-step".into(), page_size: 100, page_token: token,
            };
            let page = admin.ok(list).await;
            assert!(page.encoded_len() < ANSWER, "{}", page.encoded_len());
            seen.extend(page.revisions.iter().map(|revision| revision.rollout.as_ref().unwrap().revision));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
    }

    async fn a_page_of_large_rollouts_ends_early_and_leads_to_the_next(server) {
        let admin = server.actor("admin", Role::Admin).await.quiet();
        admin.product("kasa").await;
        for number in 0..5 {
            admin.ok(proto::CreateRolloutRequest {
                key: format!("large-{number}"), title: "Large".into(), products: vec!["kasa".into()],
                waves: (0..15).map(wide).collect(), ..Default::default()
            }).await;
        }
        let (mut token, mut pages) = (String::new(), Vec::new());
        loop {
            let list = proto::ListRolloutsRequest { page_size: 3, page_token: token, ..Default::default() };
            let page = admin.ok(list).await;
            assert!(page.encoded_len() < ANSWER, "{}", page.encoded_len());
            pages.push(page.rollouts.iter().map(|rollout| rollout.key.clone()).collect::<Vec<_>>());
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(pages.concat(), ["large-0", "large-1", "large-2", "large-3", "large-4"]);
        assert_eq!(pages[0].len(), 2, "two of them are as much as a page holds");
    }
}
