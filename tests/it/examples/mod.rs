//! Every example of the contract's comments, sent to a server: it must be a message of the method in protobuf's
//! JSON mapping, and be answered.

mod scene;

use prost_reflect::{DeserializeOptions, DynamicMessage, MethodDescriptor};
use serde_json::Value;
use tidegate_client::Refused;
use tonic::Response;
use tonic_prost::ProstCodec;

use crate::{
    actor::Actor,
    conventions::descriptors::{about, contract},
    rpc::path_of,
};
pub use scene::Placeholders;

pub fn example(method: &MethodDescriptor) -> Value {
    let about = about(method);
    let (_, example) =
        about.split_once("Example: ").unwrap_or_else(|| panic!("{} has no example", method.full_name()));
    let example = serde_json::from_str(example.trim_end_matches('.'));
    example.unwrap_or_else(|error| panic!("{}: {error}", method.full_name()))
}

/// Puts the scene's own values in the place of `tgs_…` and the like.
pub fn fill(value: &mut Value, placeholders: &Placeholders) {
    match value {
        Value::String(text) => {
            if let Some(kind) = text.strip_suffix('…') {
                *text = placeholders.get(kind).unwrap_or_else(|| panic!("the scene has no {text}")).clone();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| fill(value, placeholders)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill(value, placeholders)),
        _ => {}
    }
}

/// Sends the request. Of a stream, it waits for the first message.
async fn send(actor: &Actor, method: &MethodDescriptor, request: DynamicMessage) -> Result<(), Refused> {
    let mut grpc = actor.grpc();
    grpc.ready().await.unwrap();
    let (request, path) = (actor.signed(request), path_of(method.name()));
    let codec: ProstCodec<DynamicMessage, ()> = ProstCodec::default();
    let answer = if method.is_server_streaming() {
        match grpc.server_streaming(request, path, codec).await {
            Ok(answer) => answer.into_inner().message().await.map(|first| assert!(first.is_some())),
            Err(status) => Err(status),
        }
    } else {
        grpc.unary(request, path, codec).await.map(Response::into_inner)
    };
    answer.map_err(|status| Refused::of(&status))
}

on_both! {
    /// An operator sends each example in a realm of its own.
    async fn every_example_is_answered(server) {
        let mut refused = Vec::new();
        for (number, method) in contract().methods().into_iter().enumerate() {
            let realm = format!("example-{number}");
            server.realm(&realm).await;
            let operator = server.operator().in_realm(&realm);
            let mut example = example(&method);
            fill(&mut example, &scene::prepare(&operator, method.name()).await);
            let message = DynamicMessage::deserialize_with_options(
                method.input(), example, &DeserializeOptions::new());
            let message = message.unwrap_or_else(|error| panic!("{}: {error}", method.full_name()));
            if let Err(why) = send(&operator, &method, message).await {
                refused.push(format!("{}: {why}", method.full_name()));
            }
        }
        assert_eq!(refused, [""; 0]);
    }
}
