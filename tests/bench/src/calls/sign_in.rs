//! `BeginSignIn`.

use anyhow::ensure;
use tidegate_proto::{self as proto, sign_in_service_client::SignInServiceClient};
use tonic::{Response, Status};

use super::{Asking, Line};
use crate::load::Call;

#[derive(Clone)]
pub struct BeginSignIn {
    pub line: Line,
    pub asked: Asking<proto::BeginSignInRequest>,
}

impl BeginSignIn {
    pub async fn begin(&self, number: u64) -> Result<proto::BeginSignInResponse, Status> {
        let request = self.line.request((self.asked)(number));
        let answer = SignInServiceClient::new(self.line.channel.clone()).begin_sign_in(request).await;
        answer.map(Response::into_inner)
    }
}

impl Call for BeginSignIn {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let begun = self.begin(number).await?;
        ensure!(!begun.sign_in_token.is_empty(), "a right password is denied");
        Ok(())
    }
}
