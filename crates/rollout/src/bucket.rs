//! A unit's fixed place on a rollout's line.
//!
//! SHA-256 over the tag `tidegate/b1`, the salt's 16 bytes, the unit's kind and its id as prefixed
//! text, each behind its length (u32, big-endian); the first 8 bytes as u64, big-endian, times
//! 1 000 000, and of that the part above 64 bits. The tag means that a later rule can never silently
//! replace this one; the salt, that two rollouts never choose the same accounts. Vectors for other
//! languages lie in `proto/vectors/buckets.json`.

use sha2::{Digest as _, Sha256};
use tidegate_core::{AccountId, Bucket, Buckets, Rollout, Salt, Standing, Unit};

const TAG: &[u8] = b"tidegate/b1";

/// Where the account stands on the rollout's line: as it was worked out before, or worked out now.
pub fn of(rollout: &Rollout, standing: &Standing) -> Bucket {
    let known = standing.buckets.iter().find(|(salt, _)| *salt == rollout.salt);
    known.map_or_else(|| place(rollout, standing), |(_, bucket)| *bucket)
}

/// The places on all lines, for a standing that is kept.
pub fn all<'r>(rollouts: impl Iterator<Item = &'r Rollout>, standing: &Standing) -> Buckets {
    rollouts.map(|rollout| (rollout.salt, place(rollout, standing))).collect()
}

fn place(rollout: &Rollout, standing: &Standing) -> Bucket {
    match (rollout.unit, &standing.customer) {
        (Unit::Customer, Some(customer)) => of_unit(rollout.salt, "customer", &customer.id.to_string()),
        (Unit::Customer, None) | (Unit::Account, _) => of_account(rollout.salt, standing.account),
    }
}

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
