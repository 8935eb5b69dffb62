//! Evaluate, and the echoes of its request.

use anyhow::ensure;
use tidegate_proto::{self as proto, evaluation_service_client::EvaluationServiceClient};

use super::{Asking, Line};
use crate::{echo::EchoClient, load::Call};

#[derive(Clone)]
pub struct Evaluate {
    pub line: Line,
    pub asked: Asking<proto::EvaluateRequest>,
}

impl Call for Evaluate {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.line.request((self.asked)(number));
        let answer = EvaluationServiceClient::new(self.line.channel.clone()).evaluate(request).await?;
        ensure!(answer.get_ref().decision.is_some(), "an answer without a decision");
        Ok(())
    }
}

#[derive(Clone)]
pub struct Same(pub Evaluate);

impl Call for Same {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        let answer = EchoClient::new(self.0.line.channel.clone()).same(request).await?;
        ensure!(!answer.get_ref().account.is_empty(), "an empty echo");
        Ok(())
    }
}

#[derive(Clone)]
pub struct CannedDecision(pub Evaluate);

impl Call for CannedDecision {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        let answer = EchoClient::new(self.0.line.channel.clone()).canned(request).await?;
        ensure!(answer.get_ref().decision.is_some(), "an answer without a decision");
        Ok(())
    }
}
