//! What a wave does for the account, or would do if it were started.

use std::cmp::Ordering;

use tidegate_core::{Bucket, FirstShown, Ordinal, ProductKey, Rollout, Standing, Wave, WaveState};

use super::{
    audience as audience_words,
    phrases::{all_of, instant, number, position, quoted},
};
use crate::{audience, waves};

/// Its number, title and share of its audience: `wave 2 'Germany' (10 %)`.
pub fn name(wave: &Wave) -> String {
    format!("wave {} {} ({})", wave.ordinal.0, quoted(&wave.title), wave.edge)
}

pub fn name_of(rollout: &Rollout, ordinal: Ordinal) -> String {
    rollout.wave(ordinal).map_or_else(|| format!("wave {}", ordinal.0), name)
}

/// The wave that reached an account to which the feature was shown. Empty when no wave did, or it
/// is not known.
pub fn reached_by(rollout: &Rollout, first: FirstShown) -> String {
    first
        .wave
        .map(|ordinal| format!(" after {} had reached the account", name_of(rollout, ordinal)))
        .unwrap_or_default()
}

/// An account, and a wave whose reach is asked.
pub struct AskedWave<'a> {
    pub rollout: &'a Rollout,
    pub wave: &'a Wave,
    pub product: &'a ProductKey,
    pub standing: &'a Standing,
    pub bucket: Bucket,
}

impl AskedWave<'_> {
    pub fn sentence(&self) -> String {
        let (name, product) = (name(self.wave), self.product);
        let products = self.rollout.products_of(self.wave);
        if !products.contains(product) {
            return match products {
                [] => format!("{name}: for no product"),
                products => format!(
                    "{name}: for {}, not for {product}",
                    all_of(products.iter().map(ToString::to_string))
                ),
            };
        }
        let (facts, paused) = (self.facts(), self.paused());
        let (result, would) = if waves::reaches(self.wave, product, self.bucket, self.standing) {
            ("reached", "would reach")
        } else {
            ("not reached", "would not reach")
        };
        match self.wave.state {
            WaveState::Live | WaveState::Done if self.wave.taken_back.contains(product) => {
                format!("{name}: taken back at {product}; it {would} the account: {facts}")
            }
            WaveState::Live | WaveState::Done => format!("{name}: {result}, {facts}"),
            WaveState::Draft => format!("{name}: not started yet{paused}; it {would} the account: {facts}"),
            WaveState::RolledBack => {
                format!("{name}: rolled back{paused}; started again, it {would} the account: {facts}")
            }
        }
    }

    /// Since when the rollout is paused, if it is: no wave starts.
    fn paused(&self) -> String {
        let since = self.rollout.paused_at.map(instant);
        since.map(|since| format!(", and the rollout has been paused since {since}")).unwrap_or_default()
    }

    /// Whether the account is in the audience, and on which side of the edge its position is.
    fn facts(&self) -> String {
        let below = self.wave.edge.holds(self.bucket);
        let position = format!("{} {}", position(self.rollout, self.standing, self.bucket), self.edge());
        let Some(audience) = &self.wave.audience else { return position };
        let member = audience::holds(Some(audience), self.standing, self.product);
        let is = if member { "is in" } else { "is not in" };
        let tests = audience_words::sentence(audience, self.standing, self.product);
        let joined = if member == below { "and" } else { "but" };
        format!("the account {is} the audience ({tests}), {joined} {position}")
    }

    /// How the position compares to the edge, which is the first position that the wave does not reach.
    fn edge(&self) -> String {
        let edge = self.wave.edge.ppm();
        let compared = match self.bucket.number().cmp(&edge) {
            Ordering::Less => "is below",
            Ordering::Equal => "is not below, but at",
            Ordering::Greater => "is beyond",
        };
        format!("{compared} the edge {}", number(edge))
    }
}
