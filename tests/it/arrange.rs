//! What a vendor's staff does, in short: products, accounts, rollouts. The calls are in the transcript when
//! the actor is loud.

use tidegate_core::{AccountRef, Agent, Span};
use tidegate_proto as proto;
use tidegate_service::accounts::GetAccount;

use crate::{
    actor::Actor,
    manage::{mask, ppm},
    raw,
};

/// The password of every person that is imported.
pub const PASSWORD: &str = "correct horse battery staple";
/// What a person may choose instead.
pub const NEW_PASSWORD: &str = "seven blue kettles sing";
/// The hash of the first one, as cheap as an import allows, so that stories may sign in often.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$E/9XOcEJe3mPXG7g015mjI/Ptw7gpcl7bw+7BNqI9bQ";

/// The owner of an account.
#[derive(Debug, Clone)]
pub struct Person {
    /// `acct_…`
    pub id: String,
    pub external_id: String,
    pub email: String,
}

/// Whether the system that an account is imported from had verified its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    Verified,
    Unverified,
}

/// The account `name` with the address name@example.com and the password.
pub fn row(line: u64, name: &str, address: Address) -> proto::ImportRow {
    proto::ImportRow {
        line,
        external_id: name.to_owned(),
        email: format!("{name}@example.com"),
        email_verified: address == Address::Verified,
        password_hash: HASH.to_owned(),
        ..Default::default()
    }
}

impl Actor {
    /// A product with the default settings.
    pub async fn product(&self, key: &str) -> proto::Product {
        let settings = proto::ProductSettings {
            link_url: format!("https://{key}.example/confirm"),
            ..Default::default()
        };
        let (key, title) = (key.to_owned(), title(key));
        let request =
            proto::CreateProductRequest { key, title, settings: Some(settings), ..Default::default() };
        self.ok(request).await.product.unwrap()
    }

    /// From now on the product refreshes sessions for this long after the sign-in.
    pub async fn refreshing(&self, product: &str, ttl: Span) {
        let etag = self.ok(proto::GetProductRequest { product: product.to_owned() }).await;
        let refresh_ttl = Some(prost_types::Duration { seconds: ttl.micros() / 1_000_000, nanos: 0 });
        let request = proto::UpdateProductRequest {
            product: product.to_owned(),
            etag: etag.product.unwrap().etag,
            settings: Some(proto::ProductSettings { refresh_ttl, ..Default::default() }),
            update_mask: mask("settings.refresh_ttl"),
            ..Default::default()
        };
        self.ok(request).await;
    }

    /// A customer with a name and no attributes.
    pub async fn customer(&self, key: &str) -> proto::Customer {
        let request =
            proto::CreateCustomerRequest { key: key.to_owned(), title: title(key), ..Default::default() };
        self.ok(request).await.customer.unwrap()
    }

    /// An account whose address is verified.
    pub async fn person(&self, name: &str) -> Person {
        self.person_with(name, Address::Verified).await
    }

    pub async fn person_with(&self, name: &str, address: Address) -> Person {
        let imported = self.import(vec![row(1, name, address)]).await.unwrap();
        assert_eq!(imported.created_count, 1, "{imported:?}");
        self.known(name).await
    }

    /// An account that was imported. It is read inside the server: what people read is recorded, and would be in every
    /// test's record.
    pub async fn known(&self, name: &str) -> Person {
        let key = self.quiet().ok(proto::WhoAmIRequest {}).await.realm;
        let realm = raw::realm_of(&self.server, &key).await;
        let account = GetAccount { account: AccountRef::External(name.parse().unwrap()) };
        let account = self.server.app.ask(Agent::Worker { name: "test", realm }, account).await.unwrap();
        Person {
            id: account.id.to_string(),
            external_id: account.external_id.map(String::from).unwrap_or_default(),
            email: account.contact.map(|contact| contact.email.as_typed().to_owned()).unwrap_or_default(),
        }
    }

    /// A rollout with one wave for each edge.
    pub async fn rollout(&self, key: &str, products: &[&str], edges_ppm: &[u32]) -> proto::Rollout {
        let wave = |edge: &u32| proto::WaveDraft {
            title: format!("{} %", f64::from(*edge) / 10_000.0),
            edge: ppm(*edge),
            allow_tiny: true,
            ..Default::default()
        };
        let request = proto::CreateRolloutRequest {
            key: key.to_owned(),
            title: title(key),
            products: products.iter().map(ToString::to_string).collect(),
            waves: edges_ppm.iter().map(wave).collect(),
            ..Default::default()
        };
        self.ok(request).await.rollout.unwrap()
    }

    /// Starts the first wave, and returns the rollout as it is then.
    pub async fn start(&self, rollout: &proto::Rollout) -> proto::Rollout {
        let (rollout, etag) = (rollout.key.clone(), rollout.etag.clone());
        let request = proto::StartRolloutRequest { rollout, etag, ..Default::default() };
        self.ok(request).await.rollout.unwrap()
    }

    /// Starts the next wave, and returns the rollout as it is then.
    pub async fn advance(&self, rollout: &proto::Rollout) -> proto::Rollout {
        let (rollout, etag) = (rollout.key.clone(), rollout.etag.clone());
        let request = proto::AdvanceRolloutRequest { rollout, etag, ..Default::default() };
        self.ok(request).await.rollout.unwrap()
    }

    /// The decision for one account, as the server makes it now.
    pub async fn evaluate(&self, person: &Person, product: &str) -> proto::Decision {
        let request = proto::EvaluateRequest { product: product.to_owned(), account: person.id.clone() };
        self.ok(request).await.decision.unwrap()
    }
}

/// `kasa-two-step` is "Kasa two step".
fn title(key: &str) -> String {
    let mut title = key.replace('-', " ");
    title[..1].make_ascii_uppercase();
    title
}
