//! Answers `Evaluate`, `BatchEvaluate` and `Introspect` from the replica cache. It reads the fields
//! in place (zero-copy), and encodes decisions without generated messages. A cache miss,
//! an unusual request and a refusal fall back to the generated service, which gives the same
//! answer.
//!
//! Gain: `BatchEvaluate` answers 2.3 times as many calls for each second of CPU as by generated messages, `Evaluate` 1.2 times.
//! Measured with `cargo run --release -p tidegate-bench -- --quick --only evaluate --only batch --engine sqlite`.

use http::{Request, Response};
use prost::{
    Message,
    bytes::{Buf as _, BufMut as _, Bytes},
};
use tidegate_proto::{
    self as proto, evaluation_service_server::EvaluationService as _,
    session_service_server::SessionService as _,
};
use tidegate_service::{
    Command as _, ProductEntry, Query as _,
    evaluations::{BatchEvaluate, Evaluate},
    sessions::Introspect,
};
use tonic::{
    Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::Grpc,
};
use tower::service_fn;

use super::{
    fast_read::{self, Pair},
    fast_write,
    parse::ITEMS,
};
use crate::{door::Door, identity::Admitted, patience::PatientBody, sessions, status};

/// The methods that have a fast path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HotMethod {
    Evaluate,
    BatchEvaluate,
    Introspect,
}

const EVALUATE: &str = "/tidegate.v1.EvaluationService/Evaluate";
const BATCH_EVALUATE: &str = "/tidegate.v1.EvaluationService/BatchEvaluate";
const INTROSPECT: &str = "/tidegate.v1.SessionService/Introspect";

impl HotMethod {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            EVALUATE => Some(Self::Evaluate),
            BATCH_EVALUATE => Some(Self::BatchEvaluate),
            INTROSPECT => Some(Self::Introspect),
            _ => None,
        }
    }
}

/// Answers the hot methods.
pub(crate) struct FastPath {
    pub(crate) door: Door,
    /// The largest message that is read, in bytes.
    pub(crate) most: usize,
}

impl FastPath {
    pub(crate) async fn answer(
        &self,
        hot: HotMethod,
        admitted: Admitted,
        request: Request<PatientBody>,
    ) -> Response<Body> {
        let mut grpc = Grpc::new(RawCodec).apply_max_message_size_config(Some(self.most), None);
        let admitted = &admitted;
        grpc.unary(service_fn(move |request| self.write(hot, admitted, request)), request).await
    }

    async fn write(
        &self,
        hot: HotMethod,
        admitted: &Admitted,
        request: tonic::Request<Bytes>,
    ) -> Result<tonic::Response<Vec<u8>>, Status> {
        let written = match hot {
            HotMethod::Evaluate => self.one(admitted, request.get_ref()),
            HotMethod::BatchEvaluate => self.many(admitted, request.get_ref()),
            HotMethod::Introspect => self.session(admitted, request.get_ref()),
        };
        if let Some(written) = written {
            return Ok(tonic::Response::new(written));
        }
        let door = &self.door;
        Ok(match hot {
            HotMethod::Evaluate => door.evaluate(whole(admitted, request)?).await?.map(encoded),
            HotMethod::BatchEvaluate => door.batch_evaluate(whole(admitted, request)?).await?.map(encoded),
            HotMethod::Introspect => door.introspect(whole(admitted, request)?).await?.map(encoded),
        })
    }

    fn one(&self, admitted: &Admitted, request: &[u8]) -> Option<Vec<u8>> {
        if admitted.permission != Evaluate::PERMISSION {
            return None;
        }
        let Pair { product, account } = fast_read::pair(request)?;
        let cached = self.door.app.cached_decisions::<Evaluate>(&admitted.caller)?;
        let moment = fast_write::moment(cached.now());
        cached.decide(cached.at(product)?, account, |verdict| {
            let mut answer = Vec::with_capacity(fast_write::DECISION);
            fast_write::message(&mut answer, 1, |out| fast_write::decision(out, verdict, &moment));
            answer
        })
    }

    /// `None` as soon as one pair is unusual or not in the cache.
    fn many(&self, admitted: &Admitted, request: &[u8]) -> Option<Vec<u8>> {
        if admitted.permission != BatchEvaluate::PERMISSION {
            return None;
        }
        let cached = self.door.app.cached_decisions::<BatchEvaluate>(&admitted.caller)?;
        let moment = fast_write::moment(cached.now());
        let about = (2 * request.len()).min(ITEMS.end() * fast_write::DECISION);
        let (mut answer, mut last, mut items) = (Vec::with_capacity(about), None, 0);
        for pair in fast_read::pairs(request).take(ITEMS.end() + 1) {
            let Pair { product, account } = pair?;
            // Most batches name one product, so the last entry is tried first.
            let place =
                last.filter(|last: &ProductEntry<'_>| last.is(product)).or_else(|| cached.at(product))?;
            (last, items) = (Some(place), items + 1);
            cached.decide(place, account, |verdict| {
                // A result with one field: the decision.
                fast_write::message(&mut answer, 1, |out| {
                    fast_write::message(out, 1, |out| fast_write::decision(out, verdict, &moment));
                });
            })?;
        }
        ITEMS.contains(&items).then_some(answer)
    }

    /// `None` for every session that is not active: the use case then finds out.
    fn session(&self, admitted: &Admitted, request: &[u8]) -> Option<Vec<u8>> {
        if admitted.permission != Introspect::PERMISSION {
            return None;
        }
        let token = std::str::from_utf8(fast_read::single(request)?).ok()?;
        let live = self.door.app.cached_introspection(&admitted.caller, token)?;
        let session = Some(sessions::session(live.session(), live.level, live.reauth_by));
        Some(encoded(proto::IntrospectResponse { active: true, session }))
    }
}

/// The request as the generated service would have read it.
fn whole<M: Message + Default>(
    admitted: &Admitted,
    request: tonic::Request<Bytes>,
) -> Result<tonic::Request<M>, Status> {
    let (metadata, mut extensions, message) = request.into_parts();
    extensions.insert(admitted.clone());
    let message = M::decode(message).map_err(|_| status::no_message_of_the_contract())?;
    Ok(tonic::Request::from_parts(metadata, extensions, message))
}

fn encoded<M: Message>(answer: M) -> Vec<u8> {
    answer.encode_to_vec()
}

/// Passes messages through as bytes: `FastPath` decodes the request and encodes the response.
struct RawCodec;

impl Codec for RawCodec {
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

impl Encoder for RawCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, written: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&written);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;
    use crate::rules::{Access, Rules};

    #[test]
    fn the_paths_are_the_contracts() {
        let rules = Rules::declared().unwrap();
        assert_eq!(rules.of(&Uri::from_static(EVALUATE)), Some(Access::Needs(Evaluate::PERMISSION)));
        assert_eq!(
            rules.of(&Uri::from_static(BATCH_EVALUATE)),
            Some(Access::Needs(BatchEvaluate::PERMISSION))
        );
        assert_eq!(rules.of(&Uri::from_static(INTROSPECT)), Some(Access::Needs(Introspect::PERMISSION)));
    }
}
