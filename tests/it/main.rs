//! Stories over gRPC on both databases, and what holds for every method, statement and table.
//!
//! `UPDATE_EXPECT=1 cargo test -p tidegate-tests` rewrites the snapshots.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

#[macro_use]
mod engines;

mod actor;
mod addresses;
mod anonymous;
mod answers;
mod app_calls;
mod arrange;
mod assertions;
mod audiences;
mod authenticators;
mod away;
mod boundaries;
mod bounds;
mod browser;
mod buckets;
mod cache;
mod cancel;
mod catalogue;
mod check_up;
mod chromium;
mod clock;
mod clock_jumps;
mod closed;
mod conventions;
mod demands;
mod devices;
mod email_codes;
mod examples;
mod exemptions;
mod expiries;
mod failover;
mod foresight;
mod forgotten_clock;
mod fuzz;
mod idempotency;
mod introspections;
mod ladders;
mod lanes;
mod large_rollouts;
mod link_origins;
mod lockout;
mod log;
mod lost_replies;
mod mail;
mod malformed;
mod manage;
mod matrix;
mod method_moves;
mod method_policy;
mod methods;
mod moved;
mod new_passwords;
mod newer;
mod not_me;
mod notifications;
mod numbers;
mod operators;
mod origins;
mod outages;
mod owner;
mod passkeys;
mod passwords;
mod phishing;
mod pooler;
mod postgres_tls;
mod postponements;
mod previews;
mod programme;
mod properties;
mod prospects;
mod race;
mod raw;
mod realms;
mod receipts;
mod record;
mod recovery;
mod refreshes;
mod refused;
mod reminders;
mod repetitions;
mod restores;
mod rotations;
mod rpc;
mod schedules;
mod sdk;
mod serving;
mod sessions;
mod setting;
mod skips;
mod sms_codes;
mod statements;
mod stories;
mod story;
mod support;
mod sweeps;
mod switch;
mod test_server;
mod text;
mod timeouts;
mod tls;
mod transcript;
mod trust;
mod use_cases;
mod values;
mod way_in;
mod webauthn;
mod wire;
