//! A refusal has its own reason, lists everything that is wrong at once, and leaves no change.

use tidegate_client::Refused;
use tidegate_proto as proto;

use crate::{
    audiences::has,
    manage::{Managed, draft, mask, whole_wave},
    raw,
};

fn wrong(refused: &Refused) -> Vec<&str> {
    refused.violations.iter().map(|wrong| wrong.field.as_str()).collect()
}

on_both! {
    async fn what_is_refused_leaves_no_revision_and_no_event(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        operator.product("tapo").await;
        let rollout = operator.rollout("two-step", &["kasa"], &[100_000, 500_000]).await;
        let rollout = Managed::new(&operator, &rollout);
        rollout.start().await;
        operator.customer("acme").await;
        let written = "SELECT (SELECT count(*) FROM events) * 1000 + (SELECT count(*) FROM rollout_revisions)";
        let before = raw::count(&server, written).await;

        for refused in [
            rollout.add_wave_refused("much", 1_000_001, &[]).await,
            rollout.update_wave_refused(2, "much", u32::MAX).await,
        ] {
            assert_eq!((refused.name(), wrong(&refused)), ("EDGE_OUT_OF_RANGE", vec!["wave.edge_ppm"]));
        }
        let refused = rollout.hold_out_refused(1_000_001).await;
        assert_eq!(wrong(&refused), ["holdout_ppm"], "{refused}");
        let refused = rollout.aim_refused(2, has("account.age", &["18"])).await;
        assert_eq!((refused.name(), refused.violations.len()), ("UNKNOWN_ATTRIBUTE", 1));
        for refused in [
            rollout.add_wave_refused("deco", 1, &["deco"]).await,
            operator.refused(proto::UpdateWaveRequest {
                rollout: rollout.key.clone(),
                etag: rollout.etag(),
                ordinal: 2,
                wave: Some(draft("deco", 1, &["deco"])),
                update_mask: whole_wave(),
                ..Default::default()
            }).await,
        ] {
            assert_eq!((refused.name(), wrong(&refused)), ("PRODUCT_NOT_FOUND", vec!["wave.products[0]"]));
        }
        let refused = operator.refused(proto::UpdateRolloutRequest {
            rollout: rollout.key.clone(),
            etag: rollout.etag(),
            products: vec!["tapo".into()],
            holdout: Some(proto::update_rollout_request::Holdout::HoldoutPpm(10_000)),
            update_mask: Some(prost_types::FieldMask { paths: vec!["products".into(), "holdout_ppm".into()] }),
            ..Default::default()
        }).await;
        assert_eq!((refused.name(), wrong(&refused)), ("FIXED_BY_START", vec!["products", "holdout_ppm"]));
        let (customer, country, update_mask) = ("acme".to_owned(), "DE".to_owned(), mask("country"));
        let stale = proto::UpdateCustomerRequest { customer, country, update_mask, etag: "r7".into(), ..Default::default() };
        let refused = operator.refused(stale).await;
        assert_eq!((refused.name(), refused.metadata["current"].as_str()), ("ETAG_MISMATCH", "r1"));

        assert_eq!(raw::count(&server, written).await, before);
    }

    /// Each rollout counts only its own effects, also where another rollout had more.
    async fn the_figures_of_a_rollout_are_its_own(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let person = operator.person("ann").await;
        let first = operator.rollout("first", &["kasa"], &[1_000_000]).await;
        let first = Managed::new(&operator, &operator.start(&first).await);
        let app = server.actor("app", tidegate_core::Role::Frontend).await;
        let session = app.sign_in(&person, "kasa", &crate::owner::Device::new("phone")).await;
        app.enroll(&session, &person).await;
        let second = operator.rollout("second", &["kasa"], &[1_000_000]).await;
        let reached = async |rollout: &str| {
            let request = proto::GetStatsRequest { rollout: rollout.into(), count_reached: true, ..Default::default() };
            let stats = operator.ok(request).await;
            (stats.products[0].reached_count, stats.waves[0].reached_count)
        };
        assert_eq!((reached(&first.key).await, reached("second").await), ((1, 1), (0, 0)));
        operator.start(&second).await;
        assert_eq!((reached(&first.key).await, reached("second").await), ((1, 1), (1, 1)));
    }

    /// A wave counts the accounts that it is the first to reach at one of its products, also where an earlier wave has
    /// reached them at another product.
    async fn a_wave_counts_for_its_own_products(server) {
        let operator = server.operator();
        operator.product("apex").await;
        operator.product("kasa").await;
        operator.person("ann").await;
        let rollout = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
        let rollout = Managed::new(&operator, &rollout);
        rollout.add_wave("apex follows", 1_000_000, &["apex"]).await;
        rollout.start().await;
        rollout.advance().await;
        let stats = operator.ok(proto::GetStatsRequest { rollout: rollout.key.clone(), count_reached: true, ..Default::default() }).await;
        let reached: Vec<_> = stats.products.iter().map(|product| (product.product.as_str(), product.reached_count)).collect();
        assert_eq!(reached, [("apex", 1), ("kasa", 1)]);
        let reached: Vec<_> = stats.waves.iter().map(|wave| (wave.ordinal, wave.reached_count)).collect();
        assert_eq!(reached, [(1, 1), (2, 1)]);
    }
}
