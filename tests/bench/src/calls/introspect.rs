//! Introspect, and the echo of its request.

use anyhow::ensure;
use tidegate_proto::{self as proto, session_service_client::SessionServiceClient};

use super::{Asking, Line};
use crate::{echo::EchoClient, load::Call};

#[derive(Clone)]
pub struct Introspect {
    pub line: Line,
    pub asked: Asking<proto::IntrospectRequest>,
}

impl Call for Introspect {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.line.request((self.asked)(number));
        let answer = SessionServiceClient::new(self.line.channel.clone()).introspect(request).await?;
        ensure!(answer.get_ref().session.is_some(), "a session is not live");
        Ok(())
    }
}

#[derive(Clone)]
pub struct SameToken(pub Introspect);

impl Call for SameToken {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let request = self.0.line.request((self.0.asked)(number));
        EchoClient::new(self.0.line.channel.clone()).same_token(request).await?;
        Ok(())
    }
}
