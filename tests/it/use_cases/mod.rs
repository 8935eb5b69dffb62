//! The app checks the permission of every use case itself. Here no gate and no gRPC stands in front of it.

mod all;

use std::{any::type_name, pin::Pin, sync::Arc};

pub use all::all;
use tidegate_core::{
    AccountId, Agent, Caller, CallerProof, ChallengeId, ClientContext, EnrollmentId, FactorId, Issuers,
    Permission, Person, Products, RealmId, Refusal, Role, SessionId, Subject, Token, Who, Word as _,
};
use tidegate_service::{
    App, Command, Error, Query,
    audit::{BeginExport, EventFilter, Reading},
    evaluations::{BatchEvaluate, Evaluate},
    sessions::Introspect,
};

use crate::{
    raw,
    setting::{Kasa, Owner},
    test_server::TestServer,
};

type Run = dyn Fn(&App, Agent) -> Outcome;
type Outcome = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A command or a query with its arguments.
pub struct UseCase {
    /// The name of its type.
    pub name: &'static str,
    permission: Permission,
    run: Box<Run>,
}

/// What the use cases work on, so that a permitted one finds something to do.
pub struct Fixture {
    pub account: AccountId,
    pub session_token: Token,
    pub sign_in_token: Token,
    pub session: SessionId,
    pub factor: FactorId,
    pub challenge: ChallengeId,
    pub enrollment: EnrollmentId,
    pub reading: Reading,
}

impl UseCase {
    fn command<C: Command>(fixture: &Arc<Fixture>, make: fn(&Fixture) -> C) -> Self {
        let fixture = fixture.clone();
        let run = move |app: &App, agent| -> Outcome {
            let (app, command) = (app.clone(), make(&fixture));
            Box::pin(async move { app.act(agent, command, None).await.map(drop) })
        };
        Self { name: name_of::<C>(), permission: C::PERMISSION, run: Box::new(run) }
    }

    fn query<Q: Query>(fixture: &Arc<Fixture>, make: fn(&Fixture) -> Q) -> Self {
        let fixture = fixture.clone();
        let run = move |app: &App, agent| -> Outcome {
            let (app, query) = (app.clone(), make(&fixture));
            Box::pin(async move { app.ask(agent, query).await.map(drop) })
        };
        Self { name: name_of::<Q>(), permission: Q::PERMISSION, run: Box::new(run) }
    }

    async fn run(&self, server: &TestServer, agent: &Agent) -> Result<(), Error> {
        (self.run)(&server.app, agent.clone()).await
    }
}

/// `tidegate_service::access::create::CreateCredential` is `CreateCredential`.
fn name_of<T>() -> &'static str {
    type_name::<T>().rsplit("::").next().unwrap()
}

impl Fixture {
    pub async fn of(server: &TestServer) -> Arc<Self> {
        let kasa = Kasa::open(server).await;
        let Owner { person, session, enrolled } = kasa.owner("ann").await;
        let (sign_in, challenge) = {
            let owner =
                Owner { person: person.clone(), session: session.clone(), enrolled: enrolled.clone() };
            kasa.asked(&owner, "tablet").await
        };
        let bob = kasa.admin.person("bob").await;
        let bobs = kasa.frontend.sign_in(&bob, "kasa", &crate::owner::Device::new("phone")).await;
        let enrollment = kasa.frontend.begin_enrollment(&bobs).await;
        kasa.admin.customer("acme").await;
        server.seal().await;
        let begin = BeginExport { filter: EventFilter::default(), from: None, to: None, after: None };
        let operator = agent(server, Role::Operator, raw::realm(server).await).await;
        Arc::new(Self {
            account: person.id.parse().unwrap(),
            session_token: Token::new(session.token),
            sign_in_token: Token::new(sign_in.token),
            session: session.id.parse().unwrap(),
            factor: enrolled.factor.parse().unwrap(),
            challenge: challenge.parse().unwrap(),
            enrollment: enrollment.parse().unwrap(),
            reading: server.app.ask(operator, begin).await.unwrap(),
        })
    }

    fn session(&self) -> Subject {
        Subject { who: Who::Session(self.session_token.clone()), client: ClientContext::default() }
    }

    fn sign_in(&self) -> Subject {
        Subject { who: Who::SignIn(self.sign_in_token.clone()), client: ClientContext::default() }
    }
}

/// An agent with a credential of the role.
pub async fn agent(server: &TestServer, role: Role, realm: RealmId) -> Agent {
    let credential = server.actor(role.as_str(), role).await.credential.parse().unwrap();
    let holder = "Ann".parse().unwrap();
    Agent::from(Arc::new(Caller {
        credential,
        holder,
        issuers: Issuers::operator(),
        proof: CallerProof::Connection,
        realm,
        role,
        products: Products::All,
    }))
}

/// For every role, an agent with a credential and a person.
async fn agents(server: &TestServer, fixture: &Fixture) -> Vec<(Role, Agent)> {
    let (realm, mut agents) = (raw::realm(server).await, Vec::new());
    for role in Role::ALL {
        let (account, session) = (fixture.account, fixture.session);
        let person = Person { account, session, name: "Ann".parse().unwrap(), role: *role, realm };
        agents.extend([(*role, agent(server, *role, realm).await), (*role, Agent::Person(person))]);
    }
    agents
}

/// Every caller may call these for itself; for others they ask for a permission.
const ASK_FOR_MORE: &[(&str, Permission)] = &[("RotateCredential", Permission::AccessManage)];

fn is_denied(outcome: &Result<(), Error>, permission: Permission) -> bool {
    matches!(outcome, Err(Error::Refused(Refusal::PermissionDenied { permission: lacked })) if *lacked == permission)
}

on_both! {
    async fn every_role_runs_what_it_may_and_is_denied_the_rest(server) {
        let fixture = Fixture::of(&server).await;
        let (use_cases, agents) = (all(&fixture), agents(&server, &fixture).await);
        let before = raw::contents(&server).await;
        for use_case in &use_cases {
            for (role, agent) in agents.iter().filter(|(role, _)| !role.may(use_case.permission)) {
                let outcome = use_case.run(&server, agent).await;
                assert!(is_denied(&outcome, use_case.permission), "{role:?} at {}: {outcome:?}", use_case.name);
            }
        }
        assert_eq!(raw::contents(&server).await, before, "a denied use case changes nothing");
        for use_case in &use_cases {
            for (role, agent) in agents.iter().filter(|(role, _)| role.may(use_case.permission)) {
                let outcome = use_case.run(&server, agent).await;
                let denied = match &outcome {
                    Err(Error::Refused(Refusal::PermissionDenied { permission: lacked })) => {
                        role.may(*lacked) || !ASK_FOR_MORE.contains(&(use_case.name, *lacked))
                    }
                    _ => false,
                };
                assert!(!denied, "{role:?} at {}: {outcome:?}", use_case.name);
                assert!(!matches!(outcome, Err(Error::Failed(_))), "{role:?} at {}: {outcome:?}", use_case.name);
            }
        }
        assert_ne!(raw::contents(&server).await, before, "a permitted one may");
    }

    /// No request chooses the work of a worker, so a worker needs no permission.
    async fn a_worker_is_denied_nothing(server) {
        let fixture = Fixture::of(&server).await;
        let worker = Agent::Worker { name: "test", realm: raw::realm(&server).await };
        for use_case in all(&fixture) {
            let outcome = use_case.run(&server, &worker).await;
            let denied = matches!(outcome, Err(Error::Refused(Refusal::PermissionDenied { .. })));
            assert!(!denied, "{}: {outcome:?}", use_case.name);
        }
    }

    /// Cached decisions bypass the use cases, so they check the permission themselves.
    async fn decisions_from_memory_ask_for_the_permission_too(server) {
        let fixture = Fixture::of(&server).await;
        server.app.follow().await.unwrap();
        let agents = agents(&server, &fixture).await;
        let [operator, ..] = &agents[..] else { panic!("no agents") };
        let evaluate = Evaluate { product: "kasa".parse().unwrap(), account: tidegate_core::AccountRef::Id(fixture.account) };
        server.app.ask(operator.1.clone(), evaluate).await.unwrap();
        for (role, agent) in agents {
            let Agent::Credential(caller) = agent else { continue };
            let (one, many) = (server.app.cached_decisions::<Evaluate>(&caller), server.app.cached_decisions::<BatchEvaluate>(&caller));
            assert_eq!(one.is_some(), role.may(Permission::Evaluate), "{role:?}");
            assert_eq!(many.is_some(), role.may(Permission::EvaluateBatch), "{role:?}");
        }
    }

    /// So do cached introspections.
    async fn introspections_from_memory_ask_for_the_permission_too(server) {
        let fixture = Fixture::of(&server).await;
        server.app.follow().await.unwrap();
        let agents = agents(&server, &fixture).await;
        let [operator, ..] = &agents[..] else { panic!("no agents") };
        let introspect = Introspect { token: fixture.session_token.clone() };
        server.app.act(operator.1.clone(), introspect, None).await.unwrap();
        for (role, agent) in agents {
            let Agent::Credential(caller) = agent else { continue };
            let cached = server.app.cached_introspection(&caller, fixture.session_token.expose());
            assert_eq!(cached.is_some(), role.may(Permission::SessionsIntrospect), "{role:?}");
        }
    }
}
