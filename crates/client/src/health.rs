//! gRPC's own health check (`grpc.health.v1`).

use tonic::Status;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::Client;

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It takes calls.
    Serving,
    /// It is about to stop.
    NotServing,
    /// It does not know.
    Unknown,
}

impl Client {
    /// Asks the server as a whole. The call carries no credential, and needs none.
    ///
    /// # Errors
    /// The server cannot be reached, or does not answer within the deadline.
    pub async fn check_health(&self) -> Result<Health, Status> {
        let mut health = HealthClient::new(self.anonymous());
        Ok(match health.check(HealthCheckRequest::default()).await?.into_inner().status() {
            ServingStatus::Serving => Health::Serving,
            ServingStatus::NotServing => Health::NotServing,
            ServingStatus::Unknown | ServingStatus::ServiceUnknown => Health::Unknown,
        })
    }
}
