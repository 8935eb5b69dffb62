//! `Evaluate` and `BatchEvaluate` from memory: the answer is written as it is decided, without a message in
//! between. What is not remembered, and what is refused, goes the common way, which gives the same answer.

use std::{
    convert::Infallible,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use prost::{Message, bytes::BufMut as _};
use tidegate_proto::{
    self as proto,
    evaluation_service_server::{EvaluationService, EvaluationServiceServer},
};
use tidegate_service::{
    Query as _,
    evaluations::{BatchEvaluate, Evaluate},
};
use tonic::{
    Status,
    body::Body,
    codec::{Codec, EncodeBuf, Encoder},
    server::{Grpc, NamedService},
};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use super::write;
use crate::{door::Door, identity::Admitted};

/// The service, with its two busy methods taken out of the generated one.
#[derive(Clone)]
pub(crate) struct Evaluations {
    door: Door,
    rest: EvaluationServiceServer<Door>,
    most: usize,
}

impl Evaluations {
    /// `most` bytes are read of one message.
    pub(crate) fn new(door: Door, most: usize) -> Self {
        let rest = EvaluationServiceServer::new(door.clone()).max_decoding_message_size(most);
        Self { door, rest, most }
    }

    fn grpc<M: Message + Default + Send + 'static>(&self) -> Grpc<Written<M>> {
        Grpc::new(Written(PhantomData)).apply_max_message_size_config(Some(self.most), None)
    }
}

impl NamedService for Evaluations {
    const NAME: &'static str = <EvaluationServiceServer<Door> as NamedService>::NAME;
}

impl Service<Request<Body>> for Evaluations {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match request.uri().path() {
            "/tidegate.v1.EvaluationService/Evaluate" => {
                let (mut grpc, door) = (self.grpc(), self.door.clone());
                let answer = service_fn(move |request| evaluate(door.clone(), request));
                Box::pin(async move { Ok(grpc.unary(answer, request).await) })
            }
            "/tidegate.v1.EvaluationService/BatchEvaluate" => {
                let (mut grpc, door) = (self.grpc(), self.door.clone());
                let answer = service_fn(move |request| batch_evaluate(door.clone(), request));
                Box::pin(async move { Ok(grpc.unary(answer, request).await) })
            }
            _ => Box::pin(self.rest.call(request)),
        }
    }
}

async fn evaluate(
    door: Door,
    request: tonic::Request<proto::EvaluateRequest>,
) -> Result<tonic::Response<Vec<u8>>, Status> {
    if let Some(written) = one(&door, &request) {
        return Ok(tonic::Response::new(written));
    }
    Ok(EvaluationService::evaluate(&door, request).await?.map(|answer| answer.encode_to_vec()))
}

async fn batch_evaluate(
    door: Door,
    request: tonic::Request<proto::BatchEvaluateRequest>,
) -> Result<tonic::Response<Vec<u8>>, Status> {
    if let Some(written) = many(&door, &request) {
        return Ok(tonic::Response::new(written));
    }
    Ok(EvaluationService::batch_evaluate(&door, request).await?.map(|answer| answer.encode_to_vec()))
}

fn one(door: &Door, request: &tonic::Request<proto::EvaluateRequest>) -> Option<Vec<u8>> {
    let admitted = request.extensions().get::<Admitted>()?;
    if admitted.permission != Evaluate::PERMISSION {
        return None;
    }
    let message = request.get_ref();
    let recall = door.house.recall(&admitted.caller)?;
    recall.decide(&message.product, &message.account, |verdict| {
        let mut answer = Vec::with_capacity(write::DECISION);
        write::nested(&mut answer, 1, |answer| write::decision(answer, verdict));
        answer
    })
}

/// `None` as soon as one of them is not remembered.
fn many(door: &Door, request: &tonic::Request<proto::BatchEvaluateRequest>) -> Option<Vec<u8>> {
    let admitted = request.extensions().get::<Admitted>()?;
    let items = &request.get_ref().items;
    if admitted.permission != BatchEvaluate::PERMISSION || !super::parse::ITEMS.contains(&items.len()) {
        return None;
    }
    let recall = door.house.recall(&admitted.caller)?;
    let mut answer = Vec::with_capacity(items.len() * write::DECISION);
    for item in items {
        recall.decide(&item.product, &item.account, |verdict| {
            write::nested(&mut answer, 1, |answer| {
                write::nested(answer, 1, |answer| write::decision(answer, verdict));
            });
        })?;
    }
    Some(answer)
}

/// Reads a message, and sends what was written.
struct Written<M>(PhantomData<M>);

impl<M: Message + Default + Send + 'static> Codec for Written<M> {
    type Encode = Vec<u8>;
    type Decode = M;
    type Encoder = AsItIs;
    type Decoder = <ProstCodec<M, M> as Codec>::Decoder;

    fn encoder(&mut self) -> AsItIs {
        AsItIs
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<M, M>::default().decoder()
    }
}

struct AsItIs;

impl Encoder for AsItIs {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, written: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&written);
        Ok(())
    }
}
