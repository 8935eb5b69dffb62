//! Whom a wave is for, as a file says it.

use tidegate_core::Timestamp;
use tidegate_proto::{self as proto, audience::Kind};

use super::{
    node::{FileNode, FileRead, unknown},
    time::no_such_day,
};

/// The contract's bound. It is checked here too, because reading is recursive.
const MAX_DEPTH: usize = 8;
const KEYS: &[&str] = &["all", "any", "not", "attribute", "label", "any_of", "from", "before"];
const ATTRIBUTES: &[&str] = &[
    "account.created",
    "customer.created",
    "account.country",
    "customer.country",
    "account.label",
    "customer.label",
    "account.email_verified",
    "account.method",
    "account.interest",
    "customer.key",
];

pub fn parse_audience(node: FileNode<'_>) -> FileRead<proto::Audience> {
    at_depth(node, 1)
}

fn at_depth(node: FileNode<'_>, depth: usize) -> FileRead<proto::Audience> {
    if depth > MAX_DEPTH {
        return Err(node.wrong(format!("audiences are at most {MAX_DEPTH} deep")));
    }
    let fields = node.fields(KEYS)?;
    let list = |node: FileNode<'_>| -> FileRead<proto::AudienceList> {
        Ok(proto::AudienceList { audiences: node.each(|node| at_depth(node, depth + 1))? })
    };
    let kind = match fields.keys().as_slice() {
        ["all"] => Kind::All(list(fields.required("all")?)?),
        ["any"] => Kind::Any(list(fields.required("any")?)?),
        ["not"] => Kind::Not(Box::new(at_depth(fields.required("not")?, depth + 1)?)),
        keys if keys.contains(&"attribute")
            && !keys.iter().any(|key| ["all", "any", "not"].contains(key)) =>
        {
            let attribute = fields.need("attribute", attribute);
            let label = fields.read("label", |node| node.text());
            let any_of = fields.read("any_of", |node| node.texts());
            let (from, before) = (fields.read("from", parse_instant), fields.read("before", parse_instant));
            Kind::Test(proto::AttributeTest {
                attribute: attribute?,
                label: label?.unwrap_or_default(),
                any_of: any_of?.unwrap_or_default(),
                from_time: from?,
                before_time: before?,
            })
        }
        _ => return Err(node.wrong("an audience is one of `all`, `any`, `not`, or a test with `attribute`")),
    };
    Ok(proto::Audience { kind: Some(kind) })
}

fn attribute(node: FileNode<'_>) -> FileRead<String> {
    let name = node.text()?;
    if ATTRIBUTES.contains(&name.as_str()) {
        Ok(name)
    } else {
        Err(node.wrong(unknown("`", &name, ATTRIBUTES)))
    }
}

fn parse_instant(node: FileNode<'_>) -> FileRead<proto::Timestamp> {
    let text = node.text()?;
    let at = Timestamp::from_rfc3339(&text).or_else(|| Timestamp::from_rfc3339(&format!("{text}T00:00:00Z")));
    let forms = || "must be a date (2026-01-31) or an instant (2026-01-31T12:00:00Z)".to_owned();
    let at = at.ok_or_else(|| node.wrong(no_such_day(&text).unwrap_or_else(forms)))?;
    Ok(timestamp(at))
}

pub fn timestamp(at: Timestamp) -> proto::Timestamp {
    let nanos = at.unix_micros().rem_euclid(1_000_000).saturating_mul(1_000);
    proto::Timestamp { seconds: at.unix_seconds(), nanos: i32::try_from(nanos).unwrap_or(0) }
}
