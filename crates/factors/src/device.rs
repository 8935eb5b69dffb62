//! Trusted devices: a rotating token that stands in for a second step, and for nothing above it.

use tidegate_core::{KnownDevice, Rotation, Timestamp, TokenDigest};

use crate::rotation;

/// Devices of one account at one product.
pub const MAX_DEVICES: i64 = 10;

/// What a presented device token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The token stands in for a second step until this instant.
    Trusted { until: Timestamp },
    /// The device was seen before. It skips nothing.
    Known,
    /// The token was replaced and came back, however long ago: there is a copy of it, so its series
    /// ends.
    Reused,
}

/// What the token is worth in the account's epoch.
pub fn judge(known: &KnownDevice, presented: &TokenDigest, epoch: i64, now: Timestamp) -> Trust {
    let KnownDevice { token, previous, rotated_at, .. } = *known;
    if !rotation::admits(&Rotation { token, previous, rotated_at }, presented, now) {
        return Trust::Reused;
    }
    match known.trusted_until {
        Some(until) if now < until && known.epoch == epoch => Trust::Trusted { until },
        _ => Trust::Known,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Span;

    use super::*;
    use crate::rotation::OVERLAP;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);
    const OLD: TokenDigest = TokenDigest([1; 32]);
    const NEW: TokenDigest = TokenDigest([2; 32]);

    fn known(rotated: Timestamp) -> KnownDevice {
        KnownDevice {
            device: "phone-1".parse().unwrap(),
            series: tidegate_core::Id::from_uuid_bytes([7; 16]),
            token: NEW,
            previous: Some(OLD),
            rotated_at: rotated,
            trusted_until: Some(NOW.plus(Span::days(1))),
            epoch: 3,
            client: None,
            created_at: NOW,
        }
    }

    #[test]
    fn the_predecessor_lives_a_minute_and_then_ends_the_series() {
        let until = NOW.plus(Span::days(1));
        assert_eq!(judge(&known(NOW), &NEW, 3, NOW), Trust::Trusted { until });
        assert_eq!(judge(&known(NOW), &OLD, 3, NOW.plus(OVERLAP)), Trust::Trusted { until });
        assert_eq!(judge(&known(NOW), &OLD, 3, NOW.plus(Span::seconds(61))), Trust::Reused);
        assert_eq!(judge(&known(NOW), &TokenDigest([3; 32]), 3, NOW), Trust::Reused, "an older one still");
    }

    #[test]
    fn trust_ends_at_its_instant() {
        let until = NOW.plus(Span::days(1));
        assert_eq!(judge(&known(NOW), &NEW, 3, until), Trust::Known);
        assert_eq!(judge(&known(NOW), &NEW, 3, until.minus(Span::from_micros(1))), Trust::Trusted { until });
    }

    #[test]
    fn inv_25_trust_of_an_earlier_epoch_stands_in_for_nothing() {
        assert_eq!(judge(&known(NOW), &NEW, 4, NOW), Trust::Known);
        assert_eq!(judge(&known(NOW), &NEW, 2, NOW), Trust::Known);
    }
}
