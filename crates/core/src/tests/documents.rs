//! What is stored as JSON: product settings, rollouts, events, messages.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tidegate_fuzz::fuzz;

use crate::{Fact, Labels, LaterProof, LinkTarget, Message, Personal, ProductSettings, Rollout};

const SETTINGS: &str = r##"{"link_url":"https://kasa.example/confirm","methods":{"rules":[{"method":"totp","requires":["email_code"],
"removable":"never"},{"method":"webauthn"}],"minimum":2,"phishing_resistant_only":true,"confirm_by_link":true,
"email_is_factor":true},"trusted_device":2592000000000,"session_idle":3600000000,"session_absolute":86400000000,"refresh_ttl":2592000000000,
"relying_party":{"id":"kasa.example","origins":["https://kasa.example"],"models":[{"aaguid":
"d8522d9f-575b-4866-88a9-ba99fa02f35b","root_pem":"-----BEGIN CERTIFICATE-----"}]},"authenticator":{"hash":"sha256","digits":8,
"period":60},"messages":{"language":"de","color":"#1f3a5f"},"min_password_length":8,"directory":{"domain":"kasa.example","documentation":
"https://kasa.example/help#a","recovery":"https://kasa.example/lost","verified_at":"2026-03-02T09:00:00Z","attribution":"Kasa",
"site_categories":["iot"],"regions":["DE"],"declared":[{"category":"custom-software","names":["Tapo"]}]}}"##;

const ROLLOUT: &str = r#"{"key":"kasa-two-step","title":"Two-step","products":["kasa"],"unit":"customer","salt":
[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"holdout":10000,"allow":{"accounts":["acct_01h455vb4pex5vsknk084sn02q"],"customers":
["acme"],"given":{"acct_01h455vb4pex5vsknk084sn02q":"u-7"}},"deny":{"accounts":[],"customers":[]},"waves":[{"ordinal":1,"title":"1 %","audience":{"all":[{"not":{"test":
{"account_created":{"from":"2026-03-02T09:00:00Z","before":null}}}},{"any":[{"test":{"account_label":{"name":"plan","any_of":["a"]}}},
{"test":"account_email_verified"},{"test":{"account_method":["totp"]}}]}]},"edge":10000,"products":[],"state":"live","started_at":
"2026-03-02T09:00:00Z","taken_back":["tapo"]}],"paused_at":"2026-03-02T09:00:00Z","stop":{"since":"2026-03-02T09:00:00Z","by":{"name":"Ann","person":
"acct_01h455vb4pex5vsknk084sn02q"},"reason":"errors","cleared_by":"Mia"},"roll_backs":[{"revision":2,"to":0,"products":["kasa"]}],"archived_at":
"2026-03-02T09:00:00Z","revision":3,
"created_at":"2026-03-02T09:00:00Z","updated_at":"2026-03-02T09:00:00Z"}"#;

/// The longest document that a decoded one may become: a character may be written with six (`\u001f`), and a number or an
/// absent field in full.
fn bound(read: usize) -> usize {
    6 * read + 4_096
}

/// What is read is written and read again as the same.
fn same<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_vec(&value).unwrap();
    assert!(written.len() <= bound(bytes.len()), "{} bytes", written.len());
    assert_eq!(serde_json::from_slice::<T>(&written).unwrap(), value);
}

/// The document with one more field in each of its objects, one at a time.
fn with_one_more(document: &Value) -> Vec<Value> {
    let mut more = Vec::new();
    match document {
        Value::Object(fields) => {
            let mut changed = fields.clone();
            changed.insert("new".to_owned(), json!(true));
            more.push(Value::Object(changed));
            for (name, value) in fields {
                more.extend(with_one_more(value).into_iter().map(|value| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), value);
                    Value::Object(changed)
                }));
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                more.extend(with_one_more(item).into_iter().map(|item| {
                    let mut changed = items.clone();
                    changed[place] = item;
                    Value::Array(changed)
                }));
            }
        }
        _ => {}
    }
    more
}

/// A field that this version does not know is refused, wherever it is.
fn strict<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else { return };
    for newer in with_one_more(&serde_json::to_value(&value).unwrap()) {
        assert!(
            serde_json::from_value::<T>(newer.clone()).is_err(),
            "read as if the field were not there: {newer}"
        );
    }
}

#[test]
fn inv_44_product_settings_are_read_whole_or_refused() {
    let least = r#"{"link_url":"http://localhost/","methods":{"rules":[]},"trusted_device":0,"session_idle":1,"session_absolute":1}"#;
    fuzz!(1_500, [SETTINGS, least], |input| {
        same::<ProductSettings>(input);
        strict::<ProductSettings>(input);
    });
}

#[test]
fn inv_44_rollouts_are_read_whole_or_refused() {
    fuzz!(1_500, [ROLLOUT], |input| {
        same::<Rollout>(input);
        strict::<Rollout>(input);
    });
}

#[test]
fn the_examples_are_documents() {
    assert!(serde_json::from_str::<ProductSettings>(SETTINGS).is_ok());
    assert!(serde_json::from_str::<Rollout>(ROLLOUT).is_ok());
}

#[test]
fn other_stored_values_are_read_or_refused() {
    let examples = [
        r#"{"kind":"account_updated","data":{"fields":["email"]}}"#,
        r#"{"kind":"email_verified","data":{}}"#,
        r#"{"email":"ann@example.com","ip":"2001:db8::1","user_agent":"x"}"#,
        r#"{"plan":"gold","tier.x":"2"}"#,
        r#"{"enrollment":"enr_01h455vb4pex5vsknk084sn02q"}"#,
        r#"[{"method":"totp","factor":null,"at":"2026-03-02T09:00:00Z"}]"#,
    ];
    fuzz!(1_000, examples, |input| {
        same::<Fact>(input);
        same::<Personal>(input);
        same::<Labels>(input);
        same::<LinkTarget>(input);
        same::<Vec<LaterProof>>(input);
    });
}

#[test]
fn a_queued_message_is_read_or_refused() {
    let message = json!({
        "purpose": "confirm_enrollment", "to": "ann@example.com", "key": "kasa", "product": "Kasa",
        "body": { "link": { "url": "https://kasa.example/", "token": "tgl_1" } }, "expires_at": "2026-03-02T09:00:00Z",
    });
    let older = json!({
        "template": "verify_email", "to": "ann@example.com", "product": "Kasa", "link_url": "https://kasa.example/",
        "token": "tgl_1", "expires_at": "2026-03-02T09:00:00Z",
    });
    assert!(Message::read(older.to_string().as_bytes()).is_some());
    fuzz!(1_000, [message.to_string(), older.to_string()], |input| {
        let Some(message) = Message::read(input) else { return };
        let written = serde_json::to_vec(&message).unwrap();
        assert!(written.len() <= bound(input.len()));
        assert!(Message::read(&written).is_some());
        // The page may hold a query, and never a fragment: the token is all of it.
        if let Some(link) = message.link() {
            assert!(link.expose().matches('#').count() >= 1);
        }
    });
}
