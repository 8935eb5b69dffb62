//! Buckets are evenly spread, and those of two rollouts are independent. Nothing here is random.

use tidegate_core::{AccountId, Bucket, Salt};
use tidegate_rollout::bucket;
use uuid::Uuid;

const ACCOUNTS: u64 = 100_000;
const SALTS: [Salt; 2] = [Salt(*b"one rollout's sa"), Salt(*b"two rollout's sa")];

/// The part that each account's bucket lies in, of so many equal parts. The ids differ little, as those of
/// accounts do that are created one after the other.
fn parts(salt: Salt, parts: u32) -> Vec<usize> {
    let id = |n: u64| {
        AccountId::from_uuid(Uuid::from_u64_pair(
            0x017d_8d2f_0000_7000 + (n << 16),
            0x8000_0000_0000_0000 + n,
        ))
    };
    let part = |n| bucket::of_account(salt, id(n)).number() / (Bucket::COUNT / parts);
    (0..ACCOUNTS).map(|n| usize::try_from(part(n)).unwrap()).collect()
}

/// How far the counts are from `expected`: the sum of the squared differences, in units of `expected` / 100.
fn chi_square(counts: &[u64], expected: u64) -> u64 {
    counts.iter().map(|count| count.abs_diff(expected).pow(2)).sum::<u64>() * 100 / expected
}

#[test]
fn accounts_are_spread_evenly() {
    for salt in SALTS {
        let mut counts = [0_u64; 20];
        for part in parts(salt, 20) {
            counts[part] += 1;
        }
        // 19 degrees of freedom: 99.9 % of fair spreads lie below 43.82, and above 5.41.
        let far = chi_square(&counts, ACCOUNTS / 20);
        assert!((541..4_382).contains(&far), "{far}: {counts:?}");
    }
}

#[test]
fn the_buckets_of_two_rollouts_are_independent() {
    let mut counts = [0_u64; 100];
    let [first, second] = SALTS.map(|salt| parts(salt, 10));
    for (one, other) in first.into_iter().zip(second) {
        counts[10 * one + other] += 1;
    }
    // 99 degrees of freedom: 99.9 % lie below 148.23, and above 61.14.
    let far = chi_square(&counts, ACCOUNTS / 100);
    assert!((6_114..14_823).contains(&far), "{far}: {counts:?}");
    // No pair of tenths has 15 % more or fewer accounts in common than chance gives it.
    assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
}
