//! What we remember.
//!
//! Lock order: requests, realms, processes, installation, credentials, customers, products, rollouts, links, `passkey_requests`, recoveries, enrollments, accounts, `email_changes`,
//! `sign_ins`, sessions, devices, sends of codes and links, challenges, factors, pauses, `recovery_codes`, ledger, interest,
//! passwords, attempts, sends of notices, deliveries, `delivery_claims`, leases, tellings, `signing_keys`, events, chain, `chain_cuts`, `rollout_folds`, `rollout_hours`, restores, `master_keys`, `key_holders`. A transaction that changes rows of several tables changes
//! them in this order. Two transactions that take them in different orders deadlock on PostgreSQL (seen with 64
//! answers on two replicas). A row that the transaction itself inserted may come later: no other transaction
//! sees it.
//!
//! There is one file per table, `retention` for what is deleted when it is over, and `answers` for what an answer to a challenge does to several tables at once. A
//! file whose statements read or write other tables says so. Each statement is one text for both engines, an
//! explicit pair, or, where answers are batched, PostgreSQL's alone. SQL contains no clock, no random source and
//! no case folding. There is no storage trait: SQLite is the test double.

pub mod accounts;
pub mod ahead;
pub mod answers;
pub mod attempts;
pub mod backup;
mod batcher;
mod breakage;
pub mod chain;
pub mod challenges;
mod column;
mod connect_failure;
mod connection_pool;
pub mod credentials;
pub mod customers;
pub mod deliveries;
mod delivery_claims;
pub mod devices;
pub mod email_changes;
pub mod enrollments;
mod error;
pub mod events;
mod executor;
pub mod factors;
mod inspection;
pub mod installation;
pub mod interest;
pub mod leases;
pub mod ledger;
pub mod links;
mod liveness;
mod lock;
pub mod master_keys;
mod migrations;
mod open;
mod outage;
pub mod passkey_requests;
pub mod passwords;
pub mod pauses;
mod postgres_servers;
mod postgres_url;
mod processes;
pub mod products;
pub mod purge;
pub mod realms;
pub mod recoveries;
pub mod recovery_codes;
pub mod requests;
pub mod restores;
pub mod retention;
pub mod rewraps;
pub mod rollout_hours;
pub mod rollouts;
pub mod scan;
pub mod sends;
pub mod sessions;
mod shares;
pub mod sign_ins;
pub mod signing_keys;
pub mod sms_costs;
mod sqlite_url;
mod sqlite_writer;
pub mod standings;
mod statement;
pub mod stats;
pub mod tellings;
mod timeouts;
mod transaction_connection;
mod tx;

pub use error::Error;
pub use executor::{Across, View};
pub use inspection::{
    Inspection, OLDEST_POSTGRES, PostgresServer, PostgresUser, ServerConnections, Standbys, WriteBar,
};
pub use liveness::HeldClaim;
pub use migrations::NEWEST;
pub use open::{Engine, OpenError, Schema, Settings, Store};
pub use outage::Outage;
pub use postgres_servers::Pooler;
pub use postgres_url::{PostgresUrlError, check_postgres_url};
pub use processes::Pulse;
pub use shares::Share;
pub use sqlite_url::{SqliteUrlError, sqlite_file};
pub use statement::{Statement, statements};
pub use timeouts::Timeouts;
pub use tx::{Executor, Tx};

/// The statements of each table's file.
const TABLES: &[&[Statement]] = &[
    accounts::STATEMENTS,
    ahead::STATEMENTS,
    answers::STATEMENTS,
    answers::APPROVALS,
    answers::CHARGES,
    answers::FINDS,
    attempts::STATEMENTS,
    chain::STATEMENTS,
    challenges::STATEMENTS,
    credentials::STATEMENTS,
    customers::STATEMENTS,
    deliveries::STATEMENTS,
    delivery_claims::STATEMENTS,
    devices::STATEMENTS,
    email_changes::STATEMENTS,
    enrollments::STATEMENTS,
    events::STATEMENTS,
    factors::STATEMENTS,
    inspection::STATEMENTS,
    installation::STATEMENTS,
    interest::STATEMENTS,
    leases::STATEMENTS,
    ledger::STATEMENTS,
    links::STATEMENTS,
    master_keys::STATEMENTS,
    passkey_requests::STATEMENTS,
    passwords::STATEMENTS,
    pauses::STATEMENTS,
    processes::STATEMENTS,
    products::STATEMENTS,
    purge::STATEMENTS,
    realms::STATEMENTS,
    recoveries::STATEMENTS,
    recovery_codes::STATEMENTS,
    requests::STATEMENTS,
    restores::STATEMENTS,
    rewraps::STATEMENTS,
    retention::STATEMENTS,
    rollout_hours::STATEMENTS,
    rollouts::STATEMENTS,
    scan::STATEMENTS,
    sends::STATEMENTS,
    sessions::STATEMENTS,
    sign_ins::STATEMENTS,
    signing_keys::STATEMENTS,
    sms_costs::STATEMENTS,
    standings::STATEMENTS,
    stats::STATEMENTS,
    tellings::STATEMENTS,
];
