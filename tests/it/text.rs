//! Messages as one line of text for transcripts. Sensitive fields are blanked at any depth.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, ReflectMessage as _, Value,
};
use tidegate_core::{Span, Timestamp};

pub static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(tidegate_proto::DESCRIPTOR_SET).unwrap());
static SENSITIVE: LazyLock<ExtensionDescriptor> =
    LazyLock::new(|| POOL.get_extension_by_name("tidegate.v1.sensitive").unwrap());

const BLANK: &str = "\"[sensitive]\"";

pub fn of<M: Message + Name>(message: &M) -> String {
    let descriptor = POOL.get_message_by_name(&M::full_name()).unwrap();
    fields(&DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap())
}

fn fields(message: &DynamicMessage) -> String {
    let told: Vec<_> = message.fields().map(|(field, value)| told(&field, value)).collect();
    if told.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", told.join(", ")) }
}

fn told(field: &FieldDescriptor, value: &Value) -> String {
    let blank = field.options().has_extension(&SENSITIVE);
    let value = match value {
        Value::List(items) if blank => format!("[{BLANK} × {}]", items.len()),
        _ if blank => BLANK.to_owned(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| one(field, item)).collect::<Vec<_>>().join(", "))
        }
        value => one(field, value),
    };
    if value.starts_with('{') {
        format!("{} {value}", field.name())
    } else {
        format!("{}: {value}", field.name())
    }
}

fn one(field: &FieldDescriptor, value: &Value) -> String {
    match (value, field.kind()) {
        (Value::EnumNumber(number), Kind::Enum(kind)) => {
            kind.get_value(*number).map_or(number.to_string(), |value| word(kind.name(), value.name()))
        }
        (Value::Message(message), _) => nested(message),
        // JSON in a string stays readable.
        (Value::String(text), _) if text.starts_with('{') => text.clone(),
        // A page token is sealed with a random nonce, and a digest is as random: neither belongs in a
        // snapshot.
        (Value::String(text), _) if text.len() >= 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            "\"[sealed]\"".to_owned()
        }
        (Value::String(text), _) => format!("{text:?}"),
        (Value::Bytes(bytes), _) => format!("[{} bytes]", bytes.len()),
        (Value::Bool(yes), _) => yes.to_string(),
        (Value::I32(number), _) => number.to_string(),
        (Value::U32(number), _) => number.to_string(),
        (Value::I64(number), _) => number.to_string(),
        (Value::U64(number), _) => number.to_string(),
        (value, _) => format!("{value:?}"),
    }
}

/// Times, spans and field masks in their usual form.
fn nested(message: &DynamicMessage) -> String {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => Timestamp::from_unix_micros(micros(message)).to_string(),
        "google.protobuf.Duration" => format!("{:?}", Span::from_micros(micros(message)).as_duration()),
        "google.protobuf.FieldMask" => {
            let paths = message.get_field_by_name("paths").unwrap();
            let paths = paths.as_list().unwrap().iter().map(|path| path.as_str().unwrap());
            format!("{:?}", paths.collect::<Vec<_>>().join(","))
        }
        _ => fields(message),
    }
}

/// Microseconds of a message with seconds and nanos, which may be out of range.
fn micros(message: &DynamicMessage) -> i64 {
    let seconds = message.get_field_by_name("seconds").unwrap().as_i64().unwrap();
    let nanos = message.get_field_by_name("nanos").unwrap().as_i32().unwrap();
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos) / 1_000)
}

/// `SIGN_IN_STATE_READY` of `SignInState` is READY.
fn word(kind: &str, value: &str) -> String {
    let mut prefix = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    value.strip_prefix(&format!("{prefix}_")).unwrap_or(value).to_owned()
}
