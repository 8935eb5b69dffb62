//! Who gets what, and when.
//!
//! Pure: (product, rollouts, standing, now) → decision. No I/O, no clock, no random source, and the
//! only room that decides whom a wave reaches.

pub mod bucket;
mod decide;
pub mod reauth;
pub mod waves;

pub use decide::decide;
