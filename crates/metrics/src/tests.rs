use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn rendered(metrics: &Metrics) -> String {
    metrics.render(&Observed::default()).unwrap()
}

#[test]
fn a_call_is_counted_by_its_status_and_timed() {
    let metrics = Metrics::new("1.2.3");
    let calls = metrics.method("AccessService", "WhoAmI");
    for code in [0, 0, 16, 99] {
        calls.ended(code, Duration::from_millis(2));
    }
    let text = rendered(&metrics);
    for line in [
        r#"tidegate_build_info{version="1.2.3"} 1"#,
        r#"tidegate_grpc_requests_total{service="AccessService",method="WhoAmI",code="OK"} 2"#,
        r#"tidegate_grpc_requests_total{service="AccessService",method="WhoAmI",code="UNAUTHENTICATED"} 1"#,
        r#"tidegate_grpc_requests_total{service="AccessService",method="WhoAmI",code="UNKNOWN"} 1"#,
        r#"tidegate_grpc_request_seconds_count{service="AccessService",method="WhoAmI"} 4"#,
        r#"tidegate_grpc_request_seconds_bucket{le="0.004",service="AccessService",method="WhoAmI"} 4"#,
        r#"tidegate_grpc_request_seconds_bucket{le="0.001",service="AccessService",method="WhoAmI"} 0"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
}

#[test]
fn what_is_observed_is_shown() {
    let metrics = Metrics::new("1");
    let observed = Observed {
        connections: [3, 2, 1],
        hashes: [4, 5],
        cache_staleness: Some(Duration::from_millis(150)),
        unsealed: (Duration::from_secs(7), 8),
        credentials: [2, 1],
        next_expiry: Some(1_700_000_001),
        log_lines_lost: 5,
        open_files: 9,
        memory: 10,
    };
    metrics.certificate_expires(1_700_000_000);
    metrics.oldest_delivery("mail", Duration::from_secs(61));
    let text = metrics.render(&observed).unwrap();
    for line in [
        r#"tidegate_database_connections{state="waiting"} 1"#,
        r#"tidegate_password_queue{state="running"} 4"#,
        "tidegate_cache_staleness_seconds 0.15",
        "tidegate_sealer_lag_seconds 7.0",
        "tidegate_sealer_unsealed_events 8",
        r#"tidegate_deliveries_oldest_seconds{channel="mail"} 61.0"#,
        "tidegate_tls_certificate_expiry_timestamp_seconds 1700000000.0",
        "tidegate_credentials_expiring 2",
        "tidegate_credentials_next_expiry_timestamp_seconds 1700000001.0",
        "tidegate_operators_lasting 1",
        "tidegate_log_lines_lost_total 5",
        "tidegate_process_resident_memory_bytes 10",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
}

/// The chart's alerts and dashboards may use what this list has.
#[test]
fn the_chart_knows_these_metrics_and_no_others() {
    let metrics = Metrics::new("1");
    metrics.method("s", "m").ended(0, Duration::ZERO);
    metrics.refused("r");
    metrics.decided("r").up();
    metrics.challenged("m", "o");
    metrics.signed_in("s");
    metrics.throttled("w");
    metrics.connection_refused("c");
    metrics.checked_up("s");
    metrics.rollout_events("s", 1);
    metrics.swept("k", 1);
    metrics.sweep_lags("k", Duration::ZERO);
    metrics.delivered("c", "o");
    metrics.oldest_delivery("c", Duration::ZERO);
    metrics.cached("c", "hit").up();
    metrics.certificate_expires(0);
    metrics.spans_dropped("queue_full").up();
    let text = metrics.render(&Observed { next_expiry: Some(0), ..Observed::default() }).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in samples {
        let (name, _) = sample.rsplit_once(' ').unwrap();
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let name =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
        shown.entry(name.to_owned()).or_default().extend(labels.map(|(label, _)| label.to_owned()));
    }
    let listed: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_str(include_str!("../../../charts/tests/metrics.json")).unwrap();
    assert_eq!(shown, listed);
}
