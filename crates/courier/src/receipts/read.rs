//! Reads receipts, which are foreign bytes.

use serde_json::Value;
use url::form_urlencoded;

use super::{ReceiptFormat, ReceiptSettings};

/// The most receipts of one call.
const MAX_RECEIPTS: usize = 500;
/// The longest id or status, in bytes.
const MAX_TEXT: usize = 512;

/// What one receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) id: String,
    /// `None`: the message is still under way, or the status is unknown.
    pub(super) delivered: Option<bool>,
}

pub(super) struct Reader {
    id: Place,
    status: Place,
    delivered: Vec<String>,
    failed: Vec<String>,
}

/// Where a receipt holds a value.
enum Place {
    Field(String),
    Pointer(String),
}

impl Reader {
    /// Refuses settings by which no receipt could be read, or a status would mean both.
    pub(super) fn new(settings: ReceiptSettings) -> Result<Self, &'static str> {
        let ReceiptSettings { id, status, delivered, failed } = settings;
        let place = |text: String| match text {
            empty if empty.is_empty() => Err("the place of the id, or that of the status, is missing"),
            pointer if pointer.starts_with('/') => Ok(Place::Pointer(pointer)),
            field => Ok(Place::Field(field)),
        };
        if delivered.is_empty() || failed.is_empty() {
            return Err("the statuses of delivered messages, or those of failed ones, are missing");
        }
        if delivered.iter().any(|status| has(&failed, status)) {
            return Err("a status must not mean delivered and failed");
        }
        Ok(Self { id: place(id)?, status: place(status)?, delivered, failed })
    }

    /// The receipts of one call: all of them, or what is wrong.
    pub(super) fn read(&self, body: &[u8], format: ReceiptFormat) -> Result<Vec<Receipt>, &'static str> {
        match format {
            ReceiptFormat::Form => {
                let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
                Ok(vec![self.receipt(|place| place.in_form(&fields))?])
            }
            ReceiptFormat::Json => {
                let body: Value =
                    serde_json::from_slice(body).map_err(|_| "it is neither a form nor JSON")?;
                let receipts = match &body {
                    Value::Array(receipts) => receipts.as_slice(),
                    receipt => std::slice::from_ref(receipt),
                };
                if receipts.len() > MAX_RECEIPTS {
                    return Err("there are too many at once");
                }
                receipts.iter().map(|receipt| self.receipt(|place| place.in_json(receipt))).collect()
            }
        }
    }

    fn receipt(&self, get: impl Fn(&Place) -> Option<String>) -> Result<Receipt, &'static str> {
        let get = |place| get(place).filter(|text| is_sound(text));
        let id = get(&self.id).ok_or("it has no id where the settings say")?;
        let status = get(&self.status).ok_or("it has no status where the settings say")?;
        let delivered = if has(&self.delivered, &status) {
            Some(true)
        } else {
            has(&self.failed, &status).then_some(false)
        };
        Ok(Receipt { id, delivered })
    }
}

impl Place {
    /// The first field of this name.
    fn in_form(&self, fields: &[(String, String)]) -> Option<String> {
        let Self::Field(wanted) = self else { return None };
        fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    }

    fn in_json(&self, receipt: &Value) -> Option<String> {
        let found = match self {
            Self::Field(name) => receipt.get(name),
            Self::Pointer(pointer) => receipt.pointer(pointer),
        };
        match found? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// PostgreSQL refuses a text that contains NUL.
fn is_sound(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.contains('\0')
}

fn has(words: &[String], status: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn settings(id: &str, status: &str) -> ReceiptSettings {
        let (id, status) = (id.to_owned(), status.to_owned());
        let failed = words(&["failed", "undelivered", "2"]);
        ReceiptSettings { id, status, delivered: words(&["delivered", "1"]), failed }
    }

    fn fields() -> Reader {
        Reader::new(settings("id", "status")).unwrap()
    }

    fn pointers() -> Reader {
        Reader::new(settings("/message/id", "/message/state/0")).unwrap()
    }

    fn receipt(id: &str, delivered: Option<bool>) -> Receipt {
        Receipt { id: id.to_owned(), delivered }
    }

    #[test]
    fn a_form_is_one_receipt() {
        let form = |body: &str| fields().read(body.as_bytes(), ReceiptFormat::Form);
        let read = form("to=%2B49151&id=SM%201+a%26b&status=delivered&id=other");
        assert_eq!(read, Ok(vec![receipt("SM 1 a&b", Some(true))]), "the first id counts");
        for (status, delivered) in
            [("Undelivered", Some(false)), ("2", Some(false)), ("queued", None), ("deliver", None)]
        {
            assert_eq!(form(&format!("status={status}&id=7")), Ok(vec![receipt("7", delivered)]), "{status}");
        }
        for wrong in ["", "id=1", "status=1", "id=&status=1", "id=1&status=", "id=%00&status=1", "{\"id\":1}"]
        {
            assert!(form(wrong).is_err(), "{wrong}");
        }
        assert!(form(&format!("status=1&id={}", "x".repeat(MAX_TEXT))).is_ok());
        assert!(form(&format!("status=1&id={}", "x".repeat(MAX_TEXT + 1))).is_err());
        assert!(pointers().read(b"/message/id=1&/message/state/0=1", ReceiptFormat::Form).is_err());
    }

    #[test]
    fn json_is_one_receipt_or_several() {
        let one = |body: &str| fields().read(body.as_bytes(), ReceiptFormat::Json);
        assert_eq!(one(r#"{"id": "a", "status": "DELIVERED"}"#), Ok(vec![receipt("a", Some(true))]));
        assert_eq!(
            one(r#"[{"id": 17, "status": 1}, {"status": "failed", "id": "b"}, {"id": "c", "status": 0}]"#),
            Ok(vec![receipt("17", Some(true)), receipt("b", Some(false)), receipt("c", None)])
        );
        assert_eq!(one("[]"), Ok(Vec::new()));
        let nested = br#"{"message": {"id": "a", "state": ["failed"]}, "id": "b"}"#;
        assert_eq!(pointers().read(nested, ReceiptFormat::Json), Ok(vec![receipt("a", Some(false))]));
        for wrong in [
            "",
            "null",
            "7",
            r#""id""#,
            "{}",
            r#"{"id": "a"}"#,
            r#"{"id": null, "status": 1}"#,
            r#"{"id": ["a"], "status": 1}"#,
            r#"{"id": "", "status": 1}"#,
            r#"{"id": "\u0000", "status": 1}"#,
            r#"{"id": "a", "status": true}"#,
            r#"[{"id": "a", "status": 1}, {"id": "b"}]"#,
            r#"[[{"id": "a", "status": 1}]]"#,
            r#"{"id": "a", "status": 1} x"#,
            "id=a&status=1",
        ] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
        let many = |count| format!("[{}]", vec![r#"{"id":1,"status":1}"#; count].join(","));
        assert_eq!(one(&many(MAX_RECEIPTS)).map(|read| read.len()), Ok(MAX_RECEIPTS));
        assert!(one(&many(MAX_RECEIPTS + 1)).is_err());
    }

    #[test]
    fn settings_by_which_nothing_can_be_read_are_refused() {
        let usual = || settings("id", "status");
        assert!(Reader::new(settings("", "status")).is_err());
        assert!(Reader::new(settings("id", "")).is_err());
        assert!(Reader::new(ReceiptSettings { delivered: Vec::new(), ..usual() }).is_err());
        assert!(Reader::new(ReceiptSettings { failed: Vec::new(), ..usual() }).is_err());
        assert!(Reader::new(ReceiptSettings { failed: words(&["Delivered"]), ..usual() }).is_err());
    }

    #[test]
    fn whatever_is_read_is_sound() {
        let examples = [
            "id=SM1&status=delivered",
            "status=queued&to=%2B4915112345678&id=dlv_01h",
            r#"{"id": "a", "status": "failed"}"#,
            r#"[{"id": 17, "status": 1}, {"id": "\u00e4", "status": "queued", "more": [{}]}]"#,
            r#"[{"message": {"id": "a", "state": ["undelivered"]}}]"#,
        ];
        let readers = [fields(), pointers()];
        tidegate_fuzz::fuzz!(3_000, examples, |input| {
            for (reader, format) in readers
                .iter()
                .flat_map(|reader| [ReceiptFormat::Form, ReceiptFormat::Json].map(|format| (reader, format)))
            {
                let Ok(receipts) = reader.read(input, format) else { continue };
                assert!(receipts.len() <= MAX_RECEIPTS);
                assert!(receipts.iter().all(|receipt| is_sound(&receipt.id)));
            }
        });
    }
}
