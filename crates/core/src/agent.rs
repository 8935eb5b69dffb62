//! Who carries a use case out: a credential, a person who operates, or a worker of the program.

use std::sync::Arc;

use crate::{
    AccountId, Actor, Approver, Caller, CredentialId, Issuers, Permission, ProductKey, Products, RealmId,
    Role, SessionId, Title,
};

#[derive(Debug, Clone)]
pub enum Agent {
    /// A service or an operator, by the credential that it presented.
    Credential(Arc<Caller>),
    /// A person who operates, by the session in which they signed in.
    Person(Person),
    /// A part of the program itself, in one realm. It needs no permission, because no request chose its work.
    Worker { name: &'static str, realm: RealmId },
}

/// A person who operates, signed in with two steps. The role is the account's.
#[derive(Debug, Clone)]
pub struct Person {
    pub account: AccountId,
    pub session: SessionId,
    pub name: Title,
    pub role: Role,
    /// The realm that the work is about.
    pub realm: RealmId,
}

impl From<Arc<Caller>> for Agent {
    fn from(caller: Arc<Caller>) -> Self {
        Self::Credential(caller)
    }
}

impl Agent {
    pub fn realm(&self) -> RealmId {
        match self {
            Self::Credential(caller) => caller.realm,
            Self::Person(person) => person.realm,
            Self::Worker { realm, .. } => *realm,
        }
    }

    pub fn may(&self, permission: Permission) -> bool {
        match self {
            Self::Credential(caller) => caller.may(permission),
            Self::Person(person) => person.role.may(permission),
            Self::Worker { .. } => true,
        }
    }

    /// Whether it may issue and revoke credentials of that role; a worker issues none.
    pub fn may_issue(&self, role: Role) -> bool {
        match self {
            Self::Credential(caller) => caller.role.may_issue(role),
            Self::Person(person) => person.role.may_issue(role),
            Self::Worker { .. } => false,
        }
    }

    /// The products at which it acts. Persons and workers are not bound to some of them.
    pub fn products(&self) -> &Products {
        match self {
            Self::Credential(caller) => &caller.products,
            Self::Person(_) | Self::Worker { .. } => &Products::All,
        }
    }

    pub fn covers(&self, product: &ProductKey) -> bool {
        self.products().include(product)
    }

    /// Whether it serves the owners of accounts, as apps do. What it reads is their own; what others read of accounts
    /// is recorded.
    pub fn serves_owners(&self) -> bool {
        match self {
            Self::Credential(caller) => caller.role == Role::Frontend,
            Self::Person(_) => false,
            Self::Worker { .. } => true,
        }
    }

    /// The agent as events name it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Credential(caller) => Actor::Credential(caller.credential),
            Self::Person(person) => Actor::Person(person.account),
            Self::Worker { name, .. } => Actor::Worker((*name).to_owned()),
        }
    }

    /// The scope of the agent's idempotency keys: two agents may use the same request id. A worker
    /// has none.
    pub fn requester(&self) -> Option<CredentialId> {
        match self {
            Self::Credential(caller) => Some(caller.credential),
            Self::Person(person) => Some(CredentialId::from_uuid(person.account.uuid())),
            Self::Worker { .. } => None,
        }
    }

    /// The author that documents name. `None` only for a worker whose name is no title.
    pub fn signature(&self) -> Option<Approver> {
        let (name, person, issuers) = match self {
            Self::Credential(caller) => (caller.holder.clone(), None, caller.issuers.clone()),
            Self::Person(person) => (person.name.clone(), Some(person.account), Issuers::operator()),
            Self::Worker { name, .. } => (name.parse().ok()?, None, Issuers::operator()),
        };
        Some(Approver { name, person, issuers })
    }

    /// The persons behind a credential that this agent creates or rotates. An operator vouches for the holder. So does the
    /// program itself, because only a person with the master key can run it.
    pub fn issuers(&self) -> Issuers {
        match self {
            Self::Credential(caller) if caller.role != Role::Operator => caller.issuers.and(&caller.holder),
            Self::Person(person) if person.role != Role::Operator => Issuers::operator().and(&person.name),
            Self::Credential(_) | Self::Person(_) | Self::Worker { .. } => Issuers::operator(),
        }
    }

    /// The person who decides, for a rule that asks for two persons. `None` for a worker, which is
    /// no person.
    pub fn approver(&self) -> Option<Approver> {
        self.signature().filter(|_| !matches!(self, Self::Worker { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallerProof, Id};

    const REALM: RealmId = Id::from_uuid_bytes([1; 16]);

    fn person(account: u8, name: &str) -> Agent {
        Agent::Person(Person {
            account: Id::from_uuid_bytes([account; 16]),
            session: Id::from_uuid_bytes([9; 16]),
            name: name.parse().unwrap(),
            role: Role::RolloutApprover,
            realm: REALM,
        })
    }

    fn credential(holder: &str) -> Agent {
        Agent::Credential(Arc::new(Caller {
            credential: Id::from_uuid_bytes([3; 16]),
            holder: holder.parse().unwrap(),
            issuers: Issuers::operator(),
            proof: CallerProof::Connection,
            realm: REALM,
            role: Role::RolloutApprover,
            products: Products::All,
        }))
    }

    #[test]
    fn two_persons_are_two_accounts_and_otherwise_two_names() {
        let same = |one: &Agent, other: &Agent| one.approver().unwrap().is(&other.approver().unwrap());
        assert!(!same(&person(1, "Ann"), &person(2, "Ann")), "two accounts are two persons");
        assert!(same(&person(1, "Ann"), &person(1, "Ann Lee")), "one account is one person");
        assert!(same(&credential("Ann"), &credential(" ann ")), "one name is one holder");
        assert!(same(&person(1, "Ann"), &credential("ANN")), "a holder's account is not known");
        assert!(!same(&credential("Ann"), &credential("Bob")));
    }

    #[test]
    fn a_worker_approves_nothing_and_issues_nothing() {
        let worker = Agent::Worker { name: "scheduler", realm: REALM };
        assert!(worker.approver().is_none() && !worker.may_issue(Role::Evaluator));
        assert!(worker.may(Permission::RolloutsManage) && worker.covers(&"kasa".parse().unwrap()));
        assert_eq!(worker.actor().to_string(), "worker/scheduler");
    }
}
