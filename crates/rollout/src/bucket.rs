//! An account's fixed place on a rollout's line.
//!
//! SHA-256 over the tag `tidegate/b1`, the salt's 16 bytes, the unit's kind and its id as prefixed
//! text, each behind its length (u32, big-endian); the first 8 bytes as u64, big-endian, times
//! 1 000 000, and of that the part above 64 bits. The tag means that a later rule can never silently
//! replace this one; the salt, that two rollouts never choose the same accounts. Vectors for other
//! languages lie in `proto/vectors/buckets.json`.

use sha2::{Digest as _, Sha256};
use tidegate_core::{AccountId, Bucket, Salt};

const TAG: &[u8] = b"tidegate/b1";

/// The bucket of an account that is its own unit.
pub fn of_account(salt: Salt, account: AccountId) -> Bucket {
    of_unit(salt, "account", &account.to_string())
}

fn of_unit(salt: Salt, kind: &str, id: &str) -> Bucket {
    let mut hash = Sha256::new();
    for part in [TAG, &salt.0, kind.as_bytes(), id.as_bytes()] {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    Bucket::of_hash(digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}
