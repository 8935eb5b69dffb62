//! What owners are told of their accounts. A notice is queued in the transaction of what it tells, so that none is lost, and
//! none tells what did not happen. It goes to every address that can take a change back, and to the devices that are enrolled.

mod activity;
mod not_me;
mod tell;

pub use activity::{Activities, Activity, ListActivity};
pub use not_me::{NotMeReported, NotMeSaid, ReportNotMe};

pub(crate) use tell::About;

crate::idempotency::outcomes!(Activities, NotMeReported);
