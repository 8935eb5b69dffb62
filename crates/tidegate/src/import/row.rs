//! Parses a line of the file into a row of the contract. A problem names the field, and never
//! quotes the value, which may be a secret (INV-47).

use std::collections::BTreeMap;

use tidegate_core::Timestamp;
use tidegate_proto as proto;

use super::strict_json::{StrictJson, shown};

const FIELDS: &[&str] = &[
    "external_id",
    "email",
    "email_verified",
    "country",
    "customer",
    "labels",
    "created_at",
    "password_hash",
    "otpauth_uris",
];

/// The fields of one line, each taken out when it is read. `null` counts as left out.
struct LineFields {
    left: BTreeMap<String, StrictJson>,
    wrong: Vec<String>,
}

/// The row, or all that is wrong with the line.
pub fn parse_row(line: &[u8], number: u64) -> Result<proto::ImportRow, Vec<String>> {
    let text = str::from_utf8(line).map_err(|_| vec!["is not UTF-8".to_owned()])?;
    let json = serde_json::from_str(text).map_err(|error| vec![syntax(&error)])?;
    let StrictJson::Object(left) = json else { return Err(vec!["is not a JSON object".to_owned()]) };
    let mut fields = LineFields { left, wrong: Vec::new() };
    if matches!(fields.left.get("external_id"), None | Some(StrictJson::Null)) {
        fields.wrong.push("external_id must be given".to_owned());
    }
    let row = proto::ImportRow {
        line: number,
        external_id: fields.text("external_id"),
        email: fields.text("email"),
        email_verified: fields.flag("email_verified"),
        country: fields.text("country"),
        customer: fields.text("customer"),
        labels: fields.labels(),
        create_time: fields.time("created_at"),
        password_hash: fields.text("password_hash"),
        otpauth_uris: fields.texts("otpauth_uris"),
    };
    fields.finish(row)
}

/// serde counts the position within the line, so its line number is always 1 and is dropped.
fn syntax(error: &serde_json::Error) -> String {
    let (column, text) = (error.column(), error.to_string());
    let place = format!(" at line {} column {column}", error.line());
    format!("{} (column {column})", text.strip_suffix(&place).unwrap_or(&text))
}

impl LineFields {
    fn take(&mut self, name: &str) -> Option<StrictJson> {
        self.left.remove(name).filter(|value| *value != StrictJson::Null)
    }

    fn text(&mut self, name: &str) -> String {
        match self.take(name) {
            None => String::new(),
            Some(StrictJson::Text(text)) => text,
            Some(_) => self.note(format!("{name} must be a string")),
        }
    }

    fn texts(&mut self, name: &str) -> Vec<String> {
        let texts = match self.take(name) {
            None => return Vec::new(),
            Some(StrictJson::List(texts)) => texts,
            Some(_) => return self.note(format!("{name} must be a list of strings")),
        };
        let mut read = Vec::new();
        for text in texts {
            if let StrictJson::Text(text) = text {
                read.push(text);
            } else {
                self.wrong.push(format!("{name} must be a list of strings"));
            }
        }
        read
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None => false,
            Some(StrictJson::Flag(flag)) => flag,
            Some(_) => self.note(format!("{name} must be true or false")),
        }
    }

    fn labels(&mut self) -> BTreeMap<String, String> {
        let labels = match self.take("labels") {
            None => return BTreeMap::new(),
            Some(StrictJson::Object(labels)) => labels,
            Some(_) => return self.note("labels must be an object of strings".to_owned()),
        };
        let mut read = BTreeMap::new();
        for (name, text) in labels {
            if let StrictJson::Text(text) = text {
                read.insert(name, text);
            } else {
                self.wrong.push(format!("labels.{} must be a string", shown(&name)));
            }
        }
        read
    }

    /// RFC 3339.
    fn time(&mut self, name: &str) -> Option<proto::Timestamp> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        let Some(at) = Timestamp::from_rfc3339(&text) else {
            return self.note(format!("{name} must be RFC 3339, for example 2021-12-06T00:00:00Z"));
        };
        let nanos = i32::try_from(at.unix_micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0);
        Some(proto::Timestamp { seconds: at.unix_seconds(), nanos })
    }

    fn finish(mut self, row: proto::ImportRow) -> Result<proto::ImportRow, Vec<String>> {
        for name in self.left.keys() {
            self.wrong.push(format!("unknown field `{}`: the fields are {}", shown(name), FIELDS.join(", ")));
        }
        if self.wrong.is_empty() { Ok(row) } else { Err(self.wrong) }
    }

    fn note<T: Default>(&mut self, wrong: String) -> T {
        self.wrong.push(wrong);
        T::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(line: &str) -> String {
        parse_row(line.as_bytes(), 1).unwrap_err().join("; ")
    }

    #[test]
    fn a_line_is_read_and_what_is_wrong_is_said() {
        let read =
            parse_row(br#"{"external_id": "u-1", "created_at": "1970-01-01T00:00:01.5Z"}"#, 7).unwrap();
        assert_eq!((read.line, read.external_id.as_str()), (7, "u-1"));
        let at = read.create_time.unwrap();
        assert_eq!((at.seconds, at.nanos), (1, 500_000_000));
        assert!(wrong(r#"{"external_id": "u-1", "emial": "x"}"#).starts_with("unknown field `emial`"));
        assert!(wrong(r#"{"external_id": "u-1", "created_at": "yesterday"}"#).contains("RFC 3339"));
        assert_eq!(wrong("not json"), "expected ident (column 2)");
        assert_eq!(parse_row(b"{\"external_id\": \"\xff\"}", 1).unwrap_err(), ["is not UTF-8"]);
        assert_eq!(wrong("{\"a\\u001b\": 1}").split('`').nth(1), Some("a\\u{1b}"), "nothing for a terminal");
    }

    #[test]
    fn null_is_as_good_as_nothing_but_a_row_is_an_object() {
        let nulls: Vec<_> = FIELDS[1..].iter().map(|name| format!(r#""{name}": null"#)).collect();
        let line = format!(r#"{{"external_id": "u-1", {}}}"#, nulls.join(", "));
        let read = parse_row(line.as_bytes(), 1).unwrap();
        assert_eq!(read, proto::ImportRow { line: 1, external_id: "u-1".into(), ..Default::default() });
        assert_eq!(wrong(r#"{"external_id": null}"#), "external_id must be given");
        for line in ["null", "true", "7", r#""u-1""#, r#"["u-1", "ann@example.com"]"#, "[]"] {
            assert_eq!(wrong(line), "is not a JSON object", "{line}");
        }
        assert_eq!(wrong("{} {}"), "trailing characters (column 4)");
    }

    #[test]
    fn no_key_comes_twice() {
        let twice = wrong(r#"{"external_id": "u-1", "email": "a@x.org", "email": "b@x.org"}"#);
        assert!(twice.starts_with("duplicate field `email`"), "{twice}");
        let twice = wrong(r#"{"external_id": "u-1", "labels": {"plan": "a", "plan": "b"}}"#);
        assert!(twice.starts_with("duplicate field `plan`"), "{twice}");
    }

    #[test]
    fn inv_47_a_wrong_type_is_told_by_its_field_and_not_by_its_value() {
        for value in ["4711", "-4711", "4711.5", "[4711]", r#"{"4711": 1}"#, "true"] {
            let told = wrong(&format!(r#"{{"external_id": "u-1", "password_hash": {value}}}"#));
            assert_eq!(told, "password_hash must be a string", "{value}");
        }
        let told =
            wrong(r#"{"external_id": 1, "email_verified": "4711", "labels": {"plan": 2}, "country": []}"#);
        assert_eq!(
            told,
            "external_id must be a string; email_verified must be true or false; country must be a string; \
             labels.plan must be a string"
        );
        assert_eq!(wrong(r#"{"external_id": "u-1", "labels": []}"#), "labels must be an object of strings");
    }
}
