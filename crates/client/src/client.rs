//! The client: one connection, shared by all clones, and the generated client of each service over it.

use std::time::Duration;

use tidegate_proto::{
    access_service_client::AccessServiceClient, account_service_client::AccountServiceClient,
    audit_service_client::AuditServiceClient, challenge_service_client::ChallengeServiceClient,
    customer_service_client::CustomerServiceClient, delivery_service_client::DeliveryServiceClient,
    enrollment_service_client::EnrollmentServiceClient, evaluation_service_client::EvaluationServiceClient,
    product_service_client::ProductServiceClient, push_service_client::PushServiceClient,
    realm_service_client::RealmServiceClient, rollout_service_client::RolloutServiceClient,
    session_service_client::SessionServiceClient, sign_in_service_client::SignInServiceClient,
    system_service_client::SystemServiceClient,
};
use tonic::transport::Channel;

use crate::{
    ConnectError, Retries, Settings, Transport,
    transport::{Deadline, Story},
};

/// A caller's access to one server. Clones share the connection and cost a few reference counts. A lost connection is
/// opened again by the next call.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    retries: Retries,
}

impl Client {
    /// Connects now, within the deadline. The server checks the credential with the first call.
    ///
    /// # Errors
    /// The settings are not valid, or nothing answers at the address.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let channel = settings.endpoint()?.connect().await.map_err(|error| ConnectError::Unreachable {
            address: settings.address.clone(),
            reason: Story(&error).to_string(),
        })?;
        Self::over(channel, settings)
    }

    /// Connects at the first call, which fails with UNAVAILABLE when nothing answers. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// The settings are not valid.
    pub fn lazy(settings: &Settings) -> Result<Self, ConnectError> {
        Self::over(settings.endpoint()?.connect_lazy(), settings)
    }

    fn over(channel: Channel, settings: &Settings) -> Result<Self, ConnectError> {
        let transport = Transport::new(channel, settings.identity()?, Some(settings.deadline()));
        let transport = transport.traced(settings.trace.clone());
        Ok(Self { transport, retries: settings.retries })
    }

    /// The same client with another deadline for each call.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        let transport = self.transport.clone().limited(Some(Deadline::new(deadline)));
        Self { transport, ..*self }
    }

    /// The same client without a deadline of its own, for streams; the server may still have one.
    #[must_use]
    pub fn without_deadline(&self) -> Self {
        Self { transport: self.transport.clone().limited(None), ..*self }
    }

    /// How long a call may take; absent: as long as the server lets it.
    pub fn deadline(&self) -> Option<Duration> {
        self.transport.limit()
    }

    /// How [`Client::retrying`] retries.
    pub const fn retries(&self) -> Retries {
        self.retries
    }

    /// The same connection for calls without a credential.
    pub(crate) fn anonymous(&self) -> Transport {
        self.transport.clone().anonymous()
    }

    /// The connection itself, for services that are not Tidegate's (health, reflection). It adds no metadata to a
    /// call.
    pub fn channel(&self) -> Channel {
        self.transport.inner().clone()
    }
}

macro_rules! services {
    ($($(#[$doc:meta])* $name:ident: $client:ident;)+) => {
        impl Client { $(
            $(#[$doc])*
            pub fn $name(&self) -> $client<Transport> {
                $client::new(self.transport.clone())
            }
        )+ }

        #[cfg(test)]
        const SERVICES: &[&str] = &[$(stringify!($client)),+];
    };
}

services! {
    /// Realms; for operators.
    realms: RealmServiceClient;
    /// Who calls, and credentials.
    access: AccessServiceClient;
    /// The people of a realm. See [`Client::import_accounts`] for the import.
    accounts: AccountServiceClient;
    /// The organisations that accounts belong to.
    customers: CustomerServiceClient;
    deliveries: DeliveryServiceClient;
    /// Products and their policies.
    products: ProductServiceClient;
    /// Sign-ins and links.
    sign_ins: SignInServiceClient;
    /// Two-step status, enrollments and factors.
    enrollments: EnrollmentServiceClient;
    /// Challenges and their answers.
    challenges: ChallengeServiceClient;
    /// What an enrolled device shows and answers. See [`Device`](crate::Device), which signs these calls.
    pushes: PushServiceClient;
    /// Sessions: what a token is worth, and its end.
    sessions: SessionServiceClient;
    /// Rollouts and their waves.
    rollouts: RolloutServiceClient;
    /// Who has two-step, and why.
    evaluations: EvaluationServiceClient;
    /// The event log.
    audit: AuditServiceClient;
    /// The server itself.
    system: SystemServiceClient;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;
    use tidegate_core::Secret;

    use super::*;

    #[test]
    fn every_service_has_its_accessor() {
        let files = FileDescriptorSet::decode(tidegate_proto::DESCRIPTOR_SET).unwrap().file;
        let services = files.iter().flat_map(|file| &file.service);
        let wanted: BTreeSet<_> = services.map(|service| format!("{}Client", service.name())).collect();
        assert_eq!(wanted, SERVICES.iter().map(|name| (*name).to_owned()).collect());
    }

    #[tokio::test]
    async fn a_deadline_is_changed_for_one_clone_only() {
        let client = Client::lazy(&Settings::new(Secret::new("tgk_1_x".to_owned()))).unwrap();
        assert_eq!(client.within(Duration::from_secs(1)).deadline(), Some(Duration::from_secs(1)));
        assert_eq!(client.without_deadline().deadline(), None);
        assert_eq!(client.deadline(), Some(Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn a_connection_that_fails_is_reported_with_the_address() {
        // Port 1 of this machine: refused at once, without a name to look up.
        let address = "http://127.0.0.1:1".to_owned();
        let settings = Settings { address, ..Settings::new(Secret::new("tgk_1_x".to_owned())) };
        let error = Client::connect(&settings).await.unwrap_err().to_string();
        assert!(error.starts_with("no connection to http://127.0.0.1:1: "), "{error}");
    }
}
