//! A rollout of a method, as a file says it.

use tidegate_proto::{self as proto, Method};

use super::{
    audience::timestamp,
    ladder::{number, one_of},
    node::{FileNode, FileRead},
    time::{parse_span, parse_time},
};

const KEYS: &[&str] = &["better", "weaker", "snooze", "snoozes", "ends"];
pub const METHODS: [(&str, Method); 6] = [
    ("totp", Method::Totp),
    ("webauthn", Method::Webauthn),
    ("push", Method::Push),
    ("device_code", Method::DeviceCode),
    ("sms_code", Method::SmsCode),
    ("email_code", Method::EmailCode),
];

pub fn parse_method_move(node: FileNode<'_>) -> FileRead<proto::MethodMove> {
    let fields = node.fields(KEYS)?;
    let methods =
        |node: FileNode<'_>| -> FileRead<Vec<i32>> { node.each(|node| Ok(one_of(node, &METHODS)?.into())) };
    let (better, weaker) = (fields.need("better", methods), fields.read("weaker", methods));
    let (snooze, snoozes) = (fields.read("snooze", parse_span), fields.read("snoozes", number));
    let ends = fields.read("ends", parse_time)?;
    Ok(proto::MethodMove {
        better: better?,
        weaker: weaker?.unwrap_or_default(),
        snooze: snooze?,
        snoozes: snoozes?,
        end_time: ends.as_ref().map(|time| timestamp(time.at)),
        end_local: ends.and_then(|time| time.local),
    })
}

/// For people: `totp or webauthn instead of sms_code, skipped 3 times at most, for 7 days each; sms_code ends …`.
pub fn described(aim: Option<&proto::MethodMove>) -> String {
    let Some(aim) = aim else { return "two-step itself".to_owned() };
    let words = |numbers: &[i32]| {
        let word = |number: &i32| {
            let known = METHODS.iter().find(|(_, method)| *number == i32::from(*method));
            known.map_or("?", |(word, _)| *word)
        };
        numbers.iter().map(word).collect::<Vec<_>>().join(" or ")
    };
    let mut text = words(&aim.better);
    if !aim.weaker.is_empty() {
        text = format!("{text} instead of {}", words(&aim.weaker));
    }
    let snooze =
        crate::rollout::planned::length(aim.snooze.as_ref().map_or(14 * 86_400, |snooze| snooze.seconds));
    text = match aim.snoozes {
        Some(most) => format!("{text}, skipped {} at most, for {snooze} each", times(most)),
        None => format!("{text}, skipped for {snooze} each time"),
    };
    match (&aim.end_local, &aim.end_time) {
        (Some(local), _) => format!("{text}; the weaker ones end {} {}", local.local, local.zone),
        (None, Some(end)) => {
            format!("{text}; the weaker ones end {}", crate::output::instant(Some(end)))
        }
        (None, None) => text,
    }
}

fn times(most: u32) -> String {
    if most == 1 { "once".to_owned() } else { format!("{most} times") }
}
