//! The templates of a gateway's request.
//!
//! A template is read once from left to right, so that braces in a value are text and name no other value. Form and JSON are
//! escaped after that, by the libraries that write them: a value can end no field and begin none.

use serde_json::{Map, Value};

use super::SmsBody;
use crate::SetupError;

/// What a template may name.
pub(super) struct Values<'v> {
    /// The number and the text. A header has none: a text is no header's value.
    message: Option<(&'v str, &'v str)>,
    id: &'v str,
    sender: &'v str,
}

impl<'v> Values<'v> {
    pub(super) const fn of_body(to: &'v str, text: &'v str, id: &'v str, sender: &'v str) -> Self {
        Self { message: Some((to, text)), id, sender }
    }

    pub(super) const fn of_header(id: &'v str, sender: &'v str) -> Self {
        Self { message: None, id, sender }
    }

    fn get(&self, name: &str) -> Option<&'v str> {
        match (name, self.message) {
            ("to", Some((to, _))) => Some(to),
            ("to_digits", Some((to, _))) => Some(to.strip_prefix('+').unwrap_or(to)),
            ("text", Some((_, text))) => Some(text),
            ("id", _) => Some(self.id),
            ("sender", _) => Some(self.sender),
            _ => None,
        }
    }
}

/// `None`: the template names an unknown value. Braces around anything but a name are text.
pub(super) fn fill(template: &str, values: &Values<'_>) -> Option<String> {
    let mut parts = template.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some((name, rest)) = part.split_once('}').filter(|(name, _)| is_name(name)) {
            filled.push_str(values.get(name)?);
            filled.push_str(rest);
        } else {
            filled.push('{');
            filled.push_str(part);
        }
    }
    Some(filled)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Fills every text of a JSON value. The names of fields stay.
pub(super) fn fill_json(template: &Value, values: &Values<'_>) -> Option<Value> {
    Some(match template {
        Value::String(text) => Value::String(fill(text, values)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill_json(item, values)).collect::<Option<_>>()?)
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Some((name.clone(), fill_json(value, values)?)));
            Value::Object(fields.collect::<Option<Map<_, _>>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    })
}

/// Refuses a body that names an unknown value, or that lacks the number or the text.
pub(super) fn check(body: &SmsBody) -> Result<(), SetupError> {
    let mut templates = Vec::new();
    match body {
        SmsBody::Form(fields) => templates.extend(fields.iter().map(|(_, value)| value.as_str())),
        SmsBody::Json(body) => texts(body, &mut templates),
    }
    let fill_all = |values: &Values<'_>| {
        templates.iter().map(|template| fill(template, values)).collect::<Option<Vec<_>>>()
    };
    let filled = |to, text| {
        let unknown =
            SetupError::SmsTemplate("it names a value other than to, to_digits, text, id and sender");
        fill_all(&Values::of_body(to, text, "", "")).ok_or(unknown)
    };
    let empty = filled("", "")?;
    if filled("1", "")? == empty {
        return Err(SetupError::SmsTemplate("it does not name {to} or {to_digits}"));
    }
    if filled("", "1")? == empty {
        return Err(SetupError::SmsTemplate("it does not name {text}"));
    }
    Ok(())
}

fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| texts(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VALUES: Values<'static> = Values::of_body("+4915112345678", "{id} \"7\" & {to}", "dlv_1", "Kasa");

    #[test]
    fn values_are_filled_in_once() {
        assert_eq!(fill("{to}|{to_digits}", &VALUES).unwrap(), "+4915112345678|4915112345678");
        assert_eq!(fill("{text}", &VALUES).unwrap(), "{id} \"7\" & {to}", "a text names no value");
        assert_eq!(fill("{}{ {X} {{id}} {", &VALUES).unwrap(), "{}{ {X} {dlv_1} {", "other braces are text");
        assert_eq!(fill("{password}", &VALUES), None);
        assert_eq!(fill("{text}", &Values::of_header("dlv_1", "Kasa")), None);
    }

    #[test]
    fn a_body_names_the_number_and_the_text() {
        let form = |value: &str| check(&SmsBody::Form(vec![("body".to_owned(), value.to_owned())]));
        assert!(form("{to}: {text}").is_ok());
        assert!(
            check(&SmsBody::Json(json!({ "to": ["{to_digits}"], "message": { "text": "{text}" } }))).is_ok()
        );
        for value in ["{to}", "{text}", "{to} {text} {txet}", ""] {
            assert!(matches!(form(value), Err(SetupError::SmsTemplate(_))), "{value}");
        }
    }
}
