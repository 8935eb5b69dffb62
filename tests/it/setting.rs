//! What most tests begin with: a product, a rollout that has reached every account, owners with a factor.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::Person,
    owner::{Device, Enrolled, Session, SignIn},
    test_server::TestServer,
};

/// The product kasa with two-step for every account, and its front end.
pub struct Kasa {
    pub server: TestServer,
    pub admin: Actor,
    pub frontend: Actor,
}

/// An owner who has two-step on, and the session in which it was turned on.
pub struct Owner {
    pub person: Person,
    pub session: Session,
    pub enrolled: Enrolled,
}

impl Kasa {
    pub async fn open(server: &TestServer) -> Self {
        let admin = server.actor("admin", Role::Admin).await.quiet();
        let frontend = server.actor("frontend", Role::Frontend).await.quiet();
        admin.product("kasa").await;
        let rollout = admin.rollout("everybody", &["kasa"], &[1_000_000]).await;
        admin.start(&rollout).await;
        Self { server: server.clone(), admin, frontend }
    }

    /// An owner with an unused code: the one that enrolled is spent, and 30 seconds have passed since.
    pub async fn owner(&self, name: &str) -> Owner {
        let person = self.admin.person(name).await;
        let session = self.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let enrolled = self.frontend.enroll(&session, &person).await;
        self.server.clock.advance(Span::seconds(30));
        Owner { person, session, enrolled }
    }

    /// A sign-in of the owner that waits for a code, and its challenge.
    pub async fn asked(&self, owner: &Owner, device: &str) -> (SignIn, String) {
        let begun = self.frontend.begin(&owner.person, "kasa", &Device::new(device)).await;
        assert_eq!(begun.state, proto::SignInState::PendingChallenge);
        let challenge = self.frontend.challenge(&begun).await;
        (begun, challenge)
    }

    pub async fn account(&self, person: &Person) -> proto::Account {
        self.frontend.ok(proto::GetAccountRequest { account: person.id.clone() }).await.account.unwrap()
    }

    pub async fn is_active(&self, session: &Session) -> bool {
        self.frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await.active
    }

    pub fn code(&self, owner: &Owner) -> String {
        self.server.code(&owner.enrolled.seed)
    }
}

/// A code that is not the owner's, whatever the time.
pub fn wrong(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &code[1..])
}
