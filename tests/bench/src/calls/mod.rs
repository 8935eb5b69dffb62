//! The calls that are measured, as the generated clients make them.

mod answer;
mod batch;
mod evaluate;
mod introspect;
mod sign_in;

use std::sync::Arc;

use anyhow::Context as _;
use tidegate_core::Secret;
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

pub use self::{
    answer::Answer,
    batch::{Batch, CannedBatch, SameBatch},
    evaluate::{CannedDecision, Evaluate, Same},
    introspect::{Introspect, SameToken},
    sign_in::BeginSignIn,
};

/// A connection and its caller's credential. The echo is sent the credential too, so that requests are
/// equally long.
#[derive(Clone)]
pub struct Line {
    channel: Channel,
    authorization: MetadataValue<Ascii>,
}

impl Line {
    pub fn new(channel: Channel, credential: &Secret<String>) -> anyhow::Result<Self> {
        let authorization = format!("Bearer {}", credential.expose().trim()).parse();
        Ok(Self { channel, authorization: authorization.context("no credential")? })
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// The request of the call with this number.
pub type Asking<M> = Arc<dyn Fn(u64) -> M + Send + Sync>;

/// The same messages again and again.
pub fn again<M: Clone + Default + Send + Sync + 'static>(messages: Vec<M>) -> Asking<M> {
    let count = messages.len().max(1) as u64;
    let place = move |number: u64| usize::try_from(number % count).unwrap_or(0);
    Arc::new(move |number| messages.get(place(number)).cloned().unwrap_or_default())
}
