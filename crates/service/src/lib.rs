//! What may happen.
//!
//! One folder per noun, one file per verb: a `Command` or a `Query`, which `App` runs. No SQL, no
//! protobuf, no transport.

pub mod access;
pub mod accounts;
mod acting;
mod app;
pub mod audit;
mod cache;
pub mod challenges;
mod check_up;
mod context;
mod counters;
mod counts;
pub mod customers;
mod decisions;
pub mod deliveries;
pub mod enrollments;
mod error;
pub mod evaluations;
mod event_builder;
pub mod factors;
mod idempotency;
mod incidents;
pub mod installation;
mod links;
mod material;
mod messages;
mod newer;
pub mod notices;
mod observe;
mod offers;
mod pages;
pub mod passwords;
mod personal;
pub mod products;
pub mod pushes;
mod readiness;
pub mod realms;
mod refusals;
pub mod reminders;
pub mod rollouts;
pub mod sessions;
pub mod sign_ins;
pub mod support;
pub mod system;
mod times;

pub use app::{App, Command, Parts, Query, Settings};
pub use cache::{CachedDecisions, CachedIntrospection, Freshness, ProductEntry};
pub use context::{CommandContext, QueryContext};
pub use error::{Denied, Error, Fault};
pub use idempotency::{OneTimeSecret, Outcome, Request};
pub use incidents::FailureKind;
pub use pages::{Page, PageRequest, PageToken};
pub use readiness::{Pulses, Readiness, Unready};
pub use tidegate_keyring::Unreadable;
pub use tidegate_rollout::{window, zones};
pub use tidegate_store::{Error as StoreError, Share};
