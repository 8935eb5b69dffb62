//! The machines' door.
//!
//! A handler parses, calls a use case and renders. No decision is made in this crate, and no
//! internal error text leaves it.

mod access;
mod accounts;
mod answer;
mod audit;
mod bound;
mod call_counts;
mod call_span;
mod challenges;
mod connections;
mod customers;
mod deadline;
mod deliveries;
mod door;
mod enrollments;
mod evaluations;
mod fields;
mod form;
mod frames;
mod gate;
mod headers;
mod health;
mod identity;
mod load;
mod local_time;
mod nearest;
mod patience;
mod products;
mod pushes;
mod realms;
mod refusal_log;
mod render;
mod rollouts;
mod rules;
mod server;
mod sessions;
mod sign_ins;
mod status;
mod stream;
mod system;
#[cfg(test)]
mod tests;
mod tls;
mod web;

pub use call_span::Tracing;
pub use connections::ConnectionSettings;
pub use rules::{Access, Rules, UnknownPermission};
pub use server::{ServeError, Settings, Shutdown, serve};
pub use stream::StreamSettings;
pub use tls::{
    CertificateInfo, Certificates, ChainFault, ClientCertificates, ClientIdentities, NotAnIdentity,
    ServedChain, TlsError, TlsSettings,
};
pub use web::{NotAnOrigin, WebOrigins};
