//! A comparison of revisions names fields as the API does.

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor};
use serde_json::Value;
use tidegate_core::Rollout;
use tidegate_service::rollouts::api_fields;

use super::descriptors::contract;

/// Every field of the document that is stored, with a value.
const WHOLE: &str = r#"{"key":"kasa-two-step","title":"Two-step","products":["kasa"],"unit":"customer",
"salt":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"holdout":10000,
"allow":{"accounts":["acct_01h455vb4pex5vsknk084sn02q"],"customers":["acme"],"given":{"acct_01h455vb4pex5vsknk084sn02q":"u-7"}},
"deny":{"accounts":["acct_01h455vb4pex5vsknk084sn02q"],"customers":["acme"],"given":{"acct_01h455vb4pex5vsknk084sn02q":"u-7"}},
"waves":[{"ordinal":1,"title":"1 %","audience":{"test":"account_email_verified"},"edge":10000,"products":["kasa"],
"state":"live","started_at":"2026-03-02T09:00:00Z","taken_back":["kasa"],
"planned_start":{"instant":"2026-12-07T08:00:00Z","local":"2026-12-07T09:00","zone":"Europe/Berlin"},"soak":60000000,
"gates":[{"at_least":{"measure":"shown","count":100}}]}],
"advance_window":{"days":["monday"],"opens":"09:00","closes":"16:00","zone":"Europe/Berlin"},
"method":{"to":["totp"],"from":["sms_code"],"snooze":60000000,"snoozes":3,"ends":{"at":"2026-12-07T08:00:00Z",
"planned":{"instant":"2026-12-07T08:00:00Z","local":"2026-12-07T09:00","zone":"Europe/Berlin"}}},
"ladder":[{"title":"Everybody","audience":{"test":"account_email_verified"},"products":["kasa"],"within_waves":true,
"phases":[{"from":"2026-12-07T08:00:00Z","planned":{"instant":"2026-12-07T08:00:00Z","local":"2026-12-07T09:00","zone":"Europe/Berlin"},"rung":"required"}],
"demands":"aal2","grace":{"days":30,"cap":"2027-01-22T00:00:00Z","skips":{"count":3,"spacing":60000000}},"postponement":60000000,"reminders":[0]}],
"ladder_since":"2026-03-02T09:00:00Z","holds":[{"from":"2026-03-02T09:00:00Z","until":"2026-03-02T09:00:00Z"}],"paused_at":"2026-03-02T09:00:00Z",
"stop":{"since":"2026-03-02T09:00:00Z","by":{"name":"Ann","person":"acct_01h455vb4pex5vsknk084sn02q","issuers":[]},
"reason":"errors","cleared_by":{"name":"Mia","issuers":[]}},"roll_backs":[{"revision":2,"to":0,"products":["kasa"]}],
"archived_at":"2026-03-02T09:00:00Z","revision":3,"created_at":"2026-03-02T09:00:00Z","updated_at":"2026-03-02T09:00:00Z"}"#;

/// Fields of the API that the document does not have: they follow from others.
const DERIVED: [&str; 4] = ["state", "etag", "holdout_percent", "waves[1].edge_percent"];

#[test]
fn a_difference_has_the_name_of_the_field_in_the_api() {
    let rollout: Rollout = serde_json::from_str(WHOLE).unwrap();
    let whole = serde_json::to_value(&rollout).unwrap();
    assert!(!holes(&whole), "the document has a field without a value: {whole}");
    let told: BTreeSet<_> = api_fields(&rollout).unwrap().into_keys().collect();
    let message = contract().pool.get_message_by_name("tidegate.v1.Rollout").unwrap();
    let mut named = BTreeSet::new();
    names("", &message, &mut named);
    for derived in DERIVED {
        assert!(named.remove(derived), "{derived}");
    }
    assert_eq!(told, named);
}

/// Whether anything of the document is empty, so that this test would not see it.
fn holes(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.iter().any(|(name, value)| name != "issuers" && holes(value)),
        Value::Array(items) => items.is_empty() || items.iter().any(holes),
        _ => false,
    }
}

/// Messages that are one value.
const WHOLES: [&str; 8] =
    ["AdvanceWindow", "Audience", "Duration", "Gate", "LadderRule", "LocalTime", "MethodMove", "Timestamp"];

/// The paths of the fields of the message. Gates are one value together.
fn names(path: &str, message: &MessageDescriptor, found: &mut BTreeSet<String>) {
    for field in message.fields() {
        let messages = field.is_list() && matches!(field.kind(), Kind::Message(_));
        let place = if messages && field.name() != "gates" { "[1]" } else { "" };
        let name = format!("{path}{}{place}", field.name());
        match field.kind() {
            Kind::Message(inner) if !WHOLES.contains(&inner.name()) => {
                names(&format!("{name}."), &inner, found);
            }
            _ => drop(found.insert(name)),
        }
    }
}
