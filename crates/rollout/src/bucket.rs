//! A unit's fixed position on a rollout's line.
//!
//! The hash is SHA-256 over four parts: the tag `tidegate/b1`, the salt's 16 bytes, the unit's
//! kind, and its id as prefixed text. Each part follows its length (u32, big-endian). The first 8
//! bytes of the hash are read as u64, big-endian, and multiplied by 1 000 000; the bucket is the
//! part of the product above 64 bits.
//!
//! The tag prevents that a later rule silently replaces this one. The salt prevents that two
//! rollouts choose the same accounts. Vectors for other languages are in
//! `proto/vectors/buckets.json`.

use sha2::{Digest as _, Sha256};
use tidegate_core::{AccountId, Bucket, Buckets, Rollout, Salt, Standing, Unit};

const TAG: &[u8] = b"tidegate/b1";

/// The account's bucket, computed ahead or now.
pub fn of(rollout: &Rollout, standing: &Standing) -> Bucket {
    let known = standing.buckets.iter().find(|(salt, _)| *salt == rollout.salt);
    known.map_or_else(|| place(rollout, standing), |(_, bucket)| *bucket)
}

/// The account's buckets of all rollouts, for a standing that is cached.
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
