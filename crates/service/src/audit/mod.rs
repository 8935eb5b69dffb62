//! The event log: the record, the hash chain that proves it, and its readers.

mod cut;
mod export;
mod filter;
mod lines;
mod list;
mod readable;
mod reading;
mod resume;
mod seal;
mod tail;
mod verify;

pub use export::{BeginExport, Chunk, Exported, ReadExport};
pub use filter::{EventFilter, MAX_KINDS};
pub use list::ListEvents;
pub use readable::ReadableEvent;
pub use reading::Reading;
pub use resume::ResumeToken;
pub use seal::Sealer;
pub use tail::{BeginTail, ReadTail, Start, Tailed};
pub use verify::{Break, Verified, VerifyChain};
