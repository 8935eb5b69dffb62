//! A file of the passwords that other services lost, by which new passwords are refused (SP 800-63B-4 §3.1.1.2).
//!
//! It holds no password, only the first 60 bits of the SHA-1 of each. A password that is not in the list is taken for one
//! that is with a probability of the number of entries divided by 2⁶⁰: of a thousand million entries, one in a thousand
//! million. All numbers are big-endian:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | `TGPWNED` and a zero |
//! | 8 | 4 | version of the format: 1 |
//! | 12 | 4 | bytes of an entry: 5 |
//! | 16 | 8 | number of entries |
//! | 24 | 8 | how often a password was counted at least, to be an entry |
//! | 32 | 32 | SHA-256 of the 32 bytes before |
//! | 64 | 8 × (2²⁰ + 1) | index: how many entries begin with less than 0, 1, 2 … 2²⁰ in their first 20 bits |
//! | 8 388 680 | 5 × entries | bits 21 to 60 of each hash, ascending within the first 20 bits |
//!
//! The file is not loaded. A lookup reads two numbers of the index, and halves the entries between them: some ten reads
//! for a thousand million entries, which the system serves from its cache for the most part.

mod lookup;
mod write;

pub use lookup::{BreachedPasswords, LookupFault};
use sha2::{Digest as _, Sha256};
pub use write::{BreachedWriter, WriteFault};

const MAGIC: [u8; 8] = *b"TGPWNED\0";
const VERSION: u32 = 1;
/// Bits of a hash that the index covers: those of a file of Have I Been Pwned's ranges.
const INDEXED_BITS: u32 = 20;
const RANGES: u32 = 1 << INDEXED_BITS;
/// Bytes of an entry.
const ENTRY: usize = 5;
const HEADER: usize = 64;
/// Where the entries begin.
const ENTRIES: u64 = HEADER as u64 + 8 * (RANGES as u64 + 1);

/// A password that Have I Been Pwned counted, as its list names it.
pub type Sha1Hash = [u8; 20];

/// The place of a hash in the index, and its entry.
fn split(hash: &Sha1Hash) -> (u32, u64) {
    let first = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    let range = u32::try_from(first >> (64 - INDEXED_BITS)).unwrap_or(u32::MAX);
    (range, (first >> 4) & ((1 << (8 * ENTRY)) - 1))
}

/// The bytes before the index.
fn header(entries: u64, least_count: u64) -> [u8; HEADER] {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(u32::try_from(ENTRY).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(entries.to_be_bytes());
    bytes.extend(least_count.to_be_bytes());
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum);
    let mut header = [0; HEADER];
    header.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    header
}

#[cfg(test)]
mod tests;
