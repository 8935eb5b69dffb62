//! The service config that callers give their gRPC library: `proto/service_config.json`, made from what the methods declare.
//! `UPDATE_EXPECT=1` makes it again.

use std::collections::BTreeSet;

use expect_test::expect_file;
use serde_json::{Value, json};
use tidegate_proto::{CLIENT_STREAMS, Idempotency, MethodRule, RULES, STREAMS};

/// Longer than the server's own deadline, which is 30 s, so that its answer arrives.
const TIMEOUT: &str = "35s";

#[test]
fn the_service_config_is_what_the_methods_declare() {
    let config = json!({
        // Calls go to every server that is healthy.
        "loadBalancingConfig": [{ "round_robin": {} }],
        "healthCheckConfig": { "serviceName": "" },
        // A caller whose calls fail stops to send them again, so that it does not add to an overload.
        "retryThrottling": { "maxTokens": 100, "tokenRatio": 0.1 },
        "methodConfig": [of(services(), Some(TIMEOUT)), of(streams(), None)],
    });
    let text = serde_json::to_string_pretty(&config).unwrap() + "\n";
    expect_file!["../../../proto/service_config.json"].assert_eq(&text);
}

/// Names without a method stand for all methods of the service that are not named elsewhere.
fn of(names: Vec<Value>, timeout: Option<&str>) -> Value {
    let mut config = json!({
        "name": names,
        "waitForReady": true,
        "retryPolicy": {
            "maxAttempts": 5,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    });
    if let Some(timeout) = timeout {
        config["timeout"] = json!(timeout);
    }
    config
}

/// All services. A method that must not be sent again would need a policy of its own.
fn services() -> Vec<Value> {
    let mut services = BTreeSet::new();
    for (path, rule) in RULES {
        assert!(may_be_repeated(rule), "{path} must not be sent again");
        services.insert(split(path).0);
    }
    services.into_iter().map(|service| json!({ "service": service })).collect()
}

/// They have no timeout. gRPC sends a stream again only if nothing was answered.
fn streams() -> Vec<Value> {
    let named = |path: &&'static str| {
        let (service, method) = split(path);
        json!({ "service": service, "method": method })
    };
    assert!(CLIENT_STREAMS.iter().all(|path| STREAMS.contains(path)));
    STREAMS.iter().map(named).collect()
}

fn split(path: &'static str) -> (&'static str, &'static str) {
    path.trim_start_matches('/').split_once('/').unwrap()
}

fn may_be_repeated(rule: &MethodRule) -> bool {
    matches!(rule.idempotency(), Idempotency::Safe | Idempotency::RequestId | Idempotency::Natural)
}
