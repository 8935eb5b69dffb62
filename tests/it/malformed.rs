//! Requests that are not well-formed: every method gets an empty message, and messages in which every field
//! is wrong. The refusal lists all violations at once, each with its field.

use std::{collections::BTreeSet, fmt::Write as _};

use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use tidegate_client::Refused;
use tidegate_proto::{self as proto, ErrorReason};
use tonic::Code;
use tonic_prost::ProstCodec;

use crate::{actor::Actor, rpc::method_of, story::compare, test_server::TestServer, text::POOL};

async fn send(actor: &Actor, path: &'static str, message: DynamicMessage) -> Result<(), Refused> {
    let mut grpc = actor.grpc();
    grpc.ready().await.unwrap();
    let codec: ProstCodec<DynamicMessage, ()> = ProstCodec::default();
    let answer = grpc.unary(actor.signed(message), PathAndQuery::from_static(path), codec).await;
    answer.map(drop).map_err(|status| Refused::of(&status))
}

fn input(path: &str) -> MessageDescriptor {
    let mut methods = POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.find(|method| method.name() == method_of(path)).unwrap().input()
}

/// A message whose values hardly any field accepts. The fields that it sets are added to `places`.
fn wrong(
    message: &MessageDescriptor,
    which: usize,
    place: &str,
    places: &mut BTreeSet<String>,
) -> DynamicMessage {
    let mut wrong = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let alone =
            field.containing_oneof().is_none_or(|one| one.fields().nth(which).as_ref() == Some(&field));
        if alone {
            let value = value(&field, which, &format!("{place}{}", field.name()), places);
            wrong.set_field(&field, value);
        }
    }
    wrong
}

fn value(field: &FieldDescriptor, which: usize, place: &str, places: &mut BTreeSet<String>) -> Value {
    let one = match field.kind() {
        Kind::Message(message) if message.full_name().starts_with("google.protobuf.") => {
            places.insert(place.to_owned());
            beyond(&message)
        }
        Kind::Message(entry) if entry.is_map_entry() => {
            places.insert(place.to_owned());
            let text = "\u{7}not this".to_owned();
            return Value::Map([(MapKey::String(text.clone()), Value::String(text))].into());
        }
        // Recursive messages end at this depth.
        Kind::Message(message) if place.matches('.').count() > DEEPEST => {
            Value::Message(DynamicMessage::new(message))
        }
        Kind::Message(message) => Value::Message(wrong(&message, which, &format!("{place}."), places)),
        kind => {
            places.insert(place.to_owned());
            scalar(&kind)
        }
    };
    if field.is_list() { Value::List(vec![one]) } else { one }
}

fn scalar(kind: &Kind) -> Value {
    match kind {
        Kind::String => Value::String("\u{7}not this".to_owned()),
        Kind::Bytes => Value::Bytes("\u{7}not this".into()),
        Kind::Enum(_) => Value::EnumNumber(99),
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(-1),
        Kind::Uint32 => Value::U32(u32::MAX),
        Kind::Uint64 => Value::U64(u64::MAX),
        Kind::Int64 => Value::I64(-1),
        other => panic!("{other:?} needs a wrong value"),
    }
}

/// A time, span or mask out of its range.
fn beyond(message: &MessageDescriptor) -> Value {
    let mut wrong = DynamicMessage::new(message.clone());
    if message.name() == "FieldMask" {
        wrong.set_field_by_name("paths", Value::List(vec![Value::String("nothing".to_owned())]));
    } else {
        wrong.set_field_by_name("seconds", Value::I64(i64::MAX));
        wrong.set_field_by_name("nanos", Value::I32(i32::MIN));
    }
    Value::Message(wrong)
}

/// One line for each violation, and the fields that are named, without indices.
fn told(answer: Result<(), Refused>) -> (Vec<String>, BTreeSet<String>) {
    let Err(refused) = answer else { return (vec!["answered".to_owned()], BTreeSet::new()) };
    if refused.reason != Some(ErrorReason::InvalidRequest) {
        return (vec![format!("well-formed: {}", refused.name())], BTreeSet::new());
    }
    assert_eq!(refused.code, Code::InvalidArgument);
    let lines = refused.violations.iter().map(|wrong| format!("{} {}", wrong.field, wrong.description));
    (lines.collect(), refused.violations.iter().map(|wrong| wrong.field.replace("[0]", "")).collect())
}

/// A message with a oneof is sent with each of its variants, up to this many.
const FORMS: usize = 4;
const DEEPEST: usize = 4;

/// The violations of every method, for an empty message and for wrong ones.
async fn complaints() -> String {
    let server = TestServer::sqlite().await;
    let operator = server.operator();
    let mut complaints = String::new();
    for (path, _) in proto::RULES {
        let message = input(path);
        let (empty, _) = told(send(&operator, path, DynamicMessage::new(message.clone())).await);
        let (mut all, mut set, mut noticed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for form in 0..FORMS {
            let message = wrong(&message, form, "", &mut set);
            let (lines, mut places) = told(send(&operator, path, message).await);
            noticed.append(&mut places);
            all.extend(lines.into_iter().filter(|line| !all.contains(line)).collect::<Vec<_>>());
        }
        for (what, lines) in [("nothing", empty), ("nothing right", all)] {
            writeln!(complaints, "{} with {what} in it", method_of(path)).unwrap();
            for line in lines {
                writeln!(complaints, "  {line}").unwrap();
            }
        }
        let unnoticed: Vec<_> = set.difference(&noticed).map(String::as_str).collect();
        if !unnoticed.is_empty() {
            writeln!(complaints, "  (not complained of: {})", unnoticed.join(", ")).unwrap();
        }
    }
    complaints
}

#[tokio::test]
async fn every_violation_of_every_method_is_told() {
    compare("malformed", &complaints().await);
}

#[tokio::test]
async fn a_violation_completes_the_field_must() {
    let complaints = complaints().await;
    let violations = complaints.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
    let others =
        violations.filter(|(field, what)| !field.starts_with(['(', 'w']) && !what.starts_with("must "));
    assert_eq!(others.collect::<BTreeSet<_>>(), BTreeSet::new());
}

/// Bytes that are no message, and messages that are too long, are refused with a reason too.
pub mod bytes {
    use prost::bytes::{BufMut as _, Bytes};
    use tonic::codec::{Codec, EncodeBuf, Encoder};

    use super::*;

    #[derive(Default)]
    pub struct Raw(ProstCodec<(), ()>);

    pub struct AsTheyAre;

    impl Encoder for AsTheyAre {
        type Item = Bytes;
        type Error = tonic::Status;
        fn encode(&mut self, bytes: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
            buffer.put(bytes);
            Ok(())
        }
    }

    impl Codec for Raw {
        type Encode = Bytes;
        type Decode = ();
        type Encoder = AsTheyAre;
        type Decoder = <ProstCodec<(), ()> as Codec>::Decoder;
        fn encoder(&mut self) -> AsTheyAre {
            AsTheyAre
        }
        fn decoder(&mut self) -> Self::Decoder {
            self.0.decoder()
        }
    }

    async fn send(path: &'static str, bytes: Vec<u8>) -> Refused {
        let server = TestServer::sqlite().await;
        let operator = server.operator();
        let mut grpc = operator.grpc();
        grpc.ready().await.unwrap();
        let answer = grpc
            .unary(operator.signed(Bytes::from(bytes)), PathAndQuery::from_static(path), Raw::default())
            .await;
        Refused::of(&answer.unwrap_err())
    }

    #[tokio::test]
    async fn that_are_no_message_are_refused_with_a_reason() {
        // A string that is not UTF-8.
        let refused = send("/tidegate.v1.AccountService/GetAccount", vec![0x0a, 0x02, 0xff, 0xfe]).await;
        let told = (refused.code, refused.reason);
        assert_eq!(told, (Code::InvalidArgument, Some(ErrorReason::InvalidRequest)), "{refused}");
    }

    #[tokio::test]
    async fn that_are_too_many_are_refused_with_a_reason() {
        let refused = send("/tidegate.v1.SignInService/BeginSignIn", vec![0; 64 * 1024 + 1]).await;
        assert!(refused.reason.is_some(), "{:?} {refused}", refused.code);
    }
}
