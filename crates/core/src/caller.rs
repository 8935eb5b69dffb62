//! Who is asking: a service or an operator, never an end user.

use serde::{Deserialize, Serialize};

use crate::{CredentialId, Issuers, ProductKey, RealmId, Title, TokenDigest, words};

words! {
    /// One thing a caller may be allowed to do. The spelling is that of `options.proto`.
    Permission "permission" {
        AnyCaller = "ANY_CALLER",
        RealmsManage = "REALMS_MANAGE",
        RealmsRead = "REALMS_READ",
        AccessManage = "ACCESS_MANAGE",
        AccessRead = "ACCESS_READ",
        AccountsCreate = "ACCOUNTS_CREATE",
        AccountsImport = "ACCOUNTS_IMPORT",
        AccountsRead = "ACCOUNTS_READ",
        AccountsList = "ACCOUNTS_LIST",
        AccountsOwn = "ACCOUNTS_OWN",
        ProductsManage = "PRODUCTS_MANAGE",
        ProductsRead = "PRODUCTS_READ",
        SignIn = "SIGN_IN",
        Enroll = "ENROLL",
        TwoStepRead = "TWO_STEP_READ",
        Challenges = "CHALLENGES",
        SessionsIntrospect = "SESSIONS_INTROSPECT",
        SessionsRevoke = "SESSIONS_REVOKE",
        RolloutsManage = "ROLLOUTS_MANAGE",
        RolloutsRead = "ROLLOUTS_READ",
        RolloutsApprove = "ROLLOUTS_APPROVE",
        Evaluate = "EVALUATE",
        EvaluateBatch = "EVALUATE_BATCH",
        AuditRead = "AUDIT_READ",
        ActOnBehalf = "ACT_ON_BEHALF",
        Explain = "EXPLAIN",
        AccountsManage = "ACCOUNTS_MANAGE",
        CustomersManage = "CUSTOMERS_MANAGE",
        CustomersRead = "CUSTOMERS_READ",
        InterestRead = "INTEREST_READ",
        DeliveriesRead = "DELIVERIES_READ",
        Pushes = "PUSHES",
        SessionsRead = "SESSIONS_READ",
        AccountsSupport = "ACCOUNTS_SUPPORT",
    }
}

words! {
    /// A named set of permissions; a credential has exactly one.
    Role "role" {
        Operator = "operator",
        Admin = "admin",
        Frontend = "frontend",
        Evaluator = "evaluator",
        RolloutManager = "rollout_manager",
        RolloutApprover = "rollout_approver",
        Support = "support",
        Auditor = "auditor",
        DeviceApp = "device_app",
    }
}

impl Role {
    /// The role's permissions besides `AnyCaller`, which every role has.
    const fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Self::Operator => P::ALL_OF_THEM,
            // Manages its realm. It approves no stop, and acts for no person: no sign-ins, enrollments or challenges.
            Self::Admin => &[
                P::AccessManage,
                P::AccessRead,
                P::AccountsCreate,
                P::AccountsImport,
                P::AccountsRead,
                P::AccountsList,
                P::ProductsManage,
                P::ProductsRead,
                P::RolloutsManage,
                P::RolloutsRead,
                P::Evaluate,
                P::EvaluateBatch,
                P::AuditRead,
                P::Explain,
                P::AccountsManage,
                P::CustomersManage,
                P::CustomersRead,
                P::InterestRead,
                P::DeliveriesRead,
                P::AccountsSupport,
            ],
            Self::Frontend => &[
                P::AccountsCreate,
                P::AccountsRead,
                P::AccountsOwn,
                P::SignIn,
                P::Enroll,
                P::TwoStepRead,
                P::Challenges,
                P::SessionsIntrospect,
                P::SessionsRead,
                P::SessionsRevoke,
                P::Evaluate,
            ],
            Self::Evaluator => &[P::Evaluate, P::EvaluateBatch],
            Self::RolloutManager => &[
                P::RolloutsManage,
                P::RolloutsRead,
                P::Evaluate,
                P::EvaluateBatch,
                P::ProductsRead,
                P::AccountsRead,
                P::AccountsList,
                P::Explain,
                P::CustomersRead,
                P::InterestRead,
            ],
            Self::RolloutApprover => &[P::RolloutsRead, P::RolloutsApprove],
            Self::Support => &[
                P::AccountsRead,
                P::AccountsList,
                P::TwoStepRead,
                P::SessionsRead,
                P::ActOnBehalf,
                P::DeliveriesRead,
                P::AccountsSupport,
            ],
            Self::Auditor => &[P::AuditRead],
            Self::DeviceApp => &[P::Pushes],
        }
    }

    pub fn may(self, permission: Permission) -> bool {
        permission == Permission::AnyCaller || self.permissions().contains(&permission)
    }

    /// Whether a caller of this role may issue credentials of `other`. Only an operator may issue
    /// an operator's credential.
    pub fn may_issue(self, other: Self) -> bool {
        self.may(Permission::AccessManage) && (self == Self::Operator || other != Self::Operator)
    }
}

impl Permission {
    const ALL_OF_THEM: &'static [Self] = <Self as crate::Word>::ALL;
}

/// The products a credential may name or act at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Products {
    All,
    Only(Vec<ProductKey>),
}

impl Products {
    pub fn include(&self, product: &ProductKey) -> bool {
        match self {
            Self::All => true,
            Self::Only(named) => named.contains(product),
        }
    }
}

/// A caller whose credential was checked.
#[derive(Debug, Clone)]
pub struct Caller {
    pub credential: CredentialId,
    /// The person who answers for the credential.
    pub holder: Title,
    /// Who else is behind the credential.
    pub issuers: Issuers,
    pub proof: CallerProof,
    /// The realm the call is about: the credential's own, or the one an operator names.
    pub realm: RealmId,
    pub role: Role,
    pub products: Products,
}

/// What proved that the caller holds the credential.
#[derive(Debug, Clone, Copy)]
pub enum CallerProof {
    /// The secret of the token.
    Secret(TokenDigest),
    /// The client certificate of the connection, which the configuration maps to the credential.
    Connection,
}

impl Caller {
    pub fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }
}
