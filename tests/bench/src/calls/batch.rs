//! `BatchEvaluate`, and the echoes of its request.

use anyhow::ensure;
use tidegate_proto::{self as proto, evaluation_service_client::EvaluationServiceClient};

use super::{Asking, Line};
use crate::{echo::EchoClient, load::Call};

#[derive(Clone)]
pub struct Batch {
    pub line: Line,
    pub asked: Asking<proto::BatchEvaluateRequest>,
}

impl Call for Batch {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let message = (self.asked)(number);
        let items = message.items.len();
        let request = self.line.request(message);
        let answer = EvaluationServiceClient::new(self.line.channel.clone()).batch_evaluate(request).await?;
        ensure!(answer.get_ref().results.len() == items, "results are missing");
        Ok(())
    }
}

#[derive(Clone)]
pub struct SameBatch(pub Batch);

impl Call for SameBatch {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        EchoClient::new(self.0.line.channel.clone()).same_batch(request).await?;
        Ok(())
    }
}

#[derive(Clone)]
pub struct CannedBatch(pub Batch);

impl Call for CannedBatch {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        EchoClient::new(self.0.line.channel.clone()).canned_batch(request).await?;
        Ok(())
    }
}
