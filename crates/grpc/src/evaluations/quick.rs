//! `Evaluate` and `BatchEvaluate` from memory: the request is read where it lies, and the answer written as it
//! is decided, without a message in between. What is not remembered, and what is refused, goes the common way, which gives the same answer.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use prost::{
    Message,
    bytes::{Buf as _, BufMut as _, Bytes},
};
use tidegate_proto::evaluation_service_server::{EvaluationService, EvaluationServiceServer};
use tidegate_service::{
    Place, Query as _,
    evaluations::{BatchEvaluate, Evaluate},
};
use tonic::{
    Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, NamedService},
};
use tower::{Service, service_fn};

use super::{
    read::{self, Pair},
    write,
};
use crate::{door::Door, identity::Admitted};

const EVALUATE: &str = "/tidegate.v1.EvaluationService/Evaluate";
const BATCH_EVALUATE: &str = "/tidegate.v1.EvaluationService/BatchEvaluate";

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

    fn grpc(&self) -> Grpc<Raw> {
        Grpc::new(Raw).apply_max_message_size_config(Some(self.most), None)
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
            EVALUATE => {
                let (mut grpc, door) = (self.grpc(), self.door.clone());
                let answer = service_fn(move |request| evaluate(door.clone(), request));
                Box::pin(async move { Ok(grpc.unary(answer, request).await) })
            }
            BATCH_EVALUATE => {
                let (mut grpc, door) = (self.grpc(), self.door.clone());
                let answer = service_fn(move |request| batch_evaluate(door.clone(), request));
                Box::pin(async move { Ok(grpc.unary(answer, request).await) })
            }
            _ => Box::pin(self.rest.call(request)),
        }
    }
}

async fn evaluate(door: Door, request: tonic::Request<Bytes>) -> Result<tonic::Response<Vec<u8>>, Status> {
    if let Some(written) = one(&door, &request) {
        return Ok(tonic::Response::new(written));
    }
    Ok(EvaluationService::evaluate(&door, whole(request)?).await?.map(|answer| answer.encode_to_vec()))
}

async fn batch_evaluate(
    door: Door,
    request: tonic::Request<Bytes>,
) -> Result<tonic::Response<Vec<u8>>, Status> {
    if let Some(written) = many(&door, &request) {
        return Ok(tonic::Response::new(written));
    }
    Ok(EvaluationService::batch_evaluate(&door, whole(request)?).await?.map(|answer| answer.encode_to_vec()))
}

/// The request as the generated service would have read it.
fn whole<M: Message + Default>(request: tonic::Request<Bytes>) -> Result<tonic::Request<M>, Status> {
    let (metadata, extensions, message) = request.into_parts();
    let message = M::decode(message).map_err(|error| Status::internal(error.to_string()))?;
    Ok(tonic::Request::from_parts(metadata, extensions, message))
}

fn one(door: &Door, request: &tonic::Request<Bytes>) -> Option<Vec<u8>> {
    let admitted = request.extensions().get::<Admitted>()?;
    if admitted.permission != Evaluate::PERMISSION {
        return None;
    }
    let Pair { product, account } = read::pair(request.get_ref())?;
    let recall = door.house.recall(&admitted.caller)?;
    recall.decide(recall.at(product)?, account, |verdict| {
        let (mut decision, mut answer) =
            (Vec::with_capacity(write::DECISION), Vec::with_capacity(write::DECISION));
        write::decision(&mut decision, verdict);
        write::message(&mut answer, 1, &decision);
        answer
    })
}

/// `None` as soon as one of them is not remembered.
fn many(door: &Door, request: &tonic::Request<Bytes>) -> Option<Vec<u8>> {
    let admitted = request.extensions().get::<Admitted>()?;
    let pairs = read::pairs(request.get_ref())?;
    if admitted.permission != BatchEvaluate::PERMISSION || !super::parse::ITEMS.contains(&pairs.len()) {
        return None;
    }
    let recall = door.house.recall(&admitted.caller)?;
    let (mut decision, mut last) = (Vec::with_capacity(write::DECISION), None);
    let mut answer = Vec::with_capacity(pairs.len() * write::DECISION);
    for Pair { product, account } in pairs {
        // Most batches are of one product.
        let place = last.filter(|last: &Place<'_>| last.is(product)).or_else(|| recall.at(product))?;
        last = Some(place);
        recall.decide(place, account, |verdict| {
            decision.clear();
            write::decision(&mut decision, verdict);
            write::result(&mut answer, &decision);
        })?;
    }
    Some(answer)
}

/// Messages as they lie on the wire: read later, and written before.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, written: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&written);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Access, Rules};

    #[test]
    fn both_paths_are_the_contracts() {
        let rules = Rules::declared().unwrap();
        assert_eq!(rules.of(EVALUATE), Some(Access::Needs(Evaluate::PERMISSION)));
        assert_eq!(rules.of(BATCH_EVALUATE), Some(Access::Needs(BatchEvaluate::PERMISSION)));
    }
}
