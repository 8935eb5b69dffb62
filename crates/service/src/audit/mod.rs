//! The event log: the record, the chain that proves it, and everybody who reads it.

mod cut;
mod export;
mod filter;
mod lines;
mod list;
mod reading;
mod resume;
mod seal;
mod tail;
mod told;
mod verify;

pub use export::{BeginExport, Chunk, Exported, ReadExport};
pub use filter::{EventFilter, MOST_KINDS};
pub use list::ListEvents;
pub use reading::Reading;
pub use resume::ResumeToken;
pub use seal::Sealer;
pub use tail::{BeginTail, ReadTail, Start, Tailed};
pub use told::Told;
pub use verify::{Break, Verified, VerifyChain};
