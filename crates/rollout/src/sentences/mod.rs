//! What Explain says: one sentence for each rule that was asked, and one for the decision.
//!
//! The reader is a product manager, who knows the rollout and not the code. A sentence names the
//! question, the result, the value seen and its bound. It is put together only for Explain. It has
//! no capital and no full stop, so that a console can list it or put it into a sentence of its own.

mod account_test;
mod audience;
pub mod method;
mod phrases;
mod rung;
pub mod summary;
mod wave;

use tidegate_core::{
    Bucket, FirstShown, Named, ProductKey, Rollout, RolloutKey, Rule, RuleAsked, Standing, Stop, Timestamp,
};

use self::{
    phrases::{instant, position, quoted},
    wave::AskedWave,
};
use crate::{DecisionTrace, Observation};

/// Writes down every rule that is asked.
pub struct Sentences<'a> {
    product: &'a ProductKey,
    standing: &'a Standing,
    pub rules: Vec<RuleAsked>,
}

impl<'a> Sentences<'a> {
    pub const fn new(product: &'a ProductKey, standing: &'a Standing) -> Self {
        Self { product, standing, rules: Vec::new() }
    }

    fn sentence(&self, rollout: &Rollout, seen: Observation<'_>) -> String {
        let (product, standing) = (self.product, self.standing);
        match seen {
            Observation::Active { since } => active(since, product),
            Observation::Shown { first, counts } => shown(rollout, first, counts, product),
            Observation::Archived { since } => archived(rollout, since),
            Observation::Deny { .. } => listed(&rollout.deny, standing, "left out"),
            Observation::Stop { stop } => stopped(rollout, stop),
            Observation::Holdout { bucket, held_out } => holdout(rollout, standing, bucket, held_out),
            Observation::Allow { first } => {
                let on_list = listed(&rollout.allow, standing, "let in");
                match first {
                    Some(wave) => format!("{on_list}, and {} has started at {product}", wave::name(wave)),
                    None => on_list,
                }
            }
            Observation::Wave { wave, bucket, .. } => {
                AskedWave { rollout, wave, product, standing, bucket }.sentence()
            }
        }
    }
}

impl DecisionTrace for Sentences<'_> {
    fn asked(&mut self, rollout: &Rollout, seen: Observation<'_>) {
        let wave = match seen {
            Observation::Wave { wave, .. } => Some(wave.ordinal),
            _ => None,
        };
        self.rules.push(RuleAsked {
            rollout: rollout.key.clone(),
            rule: seen.rule(),
            wave,
            holds: seen.holds(),
            sentence: self.sentence(rollout, seen),
        });
    }

    fn climbed(&mut self, rollout: &Rollout, reached: bool, now: Timestamp) {
        if !rollout.deny.includes(self.standing) {
            self.rules.extend(rung::asked(rollout, (self.product, self.standing), reached, now));
        } else if !rollout.ladder.is_empty() {
            self.rules.push(rung::denied(rollout));
        }
    }

    fn kept(&mut self, rollout: &RolloutKey, since: Timestamp) {
        let (product, since) = (self.product, instant(since));
        self.rules.push(RuleAsked {
            rollout: rollout.clone(),
            rule: Rule::Active,
            wave: None,
            holds: true,
            sentence: format!(
                "two-step has acted here since {since}: it stays, although the rollout {rollout} is not for {product}"
            ),
        });
    }
}

fn active(since: Option<Timestamp>, product: &ProductKey) -> String {
    match since {
        Some(since) => {
            format!("two-step has acted here since {}: it stays, whatever the waves do", instant(since))
        }
        None => format!("two-step has not acted for the account at {product} so far"),
    }
}

fn shown(rollout: &Rollout, first: Option<FirstShown>, counts: bool, product: &ProductKey) -> String {
    let Some(first) = first else {
        return format!("two-step has not been shown to the account at {product} so far");
    };
    let at = instant(first.at);
    if counts {
        let by = wave::reached_by(rollout, first);
        return format!("two-step was first shown here on {at}{by}: it stays, unless it is rolled back");
    }
    // The wave may have been changed since, so only its number is certain.
    let by = first.wave.map(|wave| format!(" after wave {} of that time had reached the account", wave.0));
    let by = by.unwrap_or_default();
    format!("two-step was first shown here on {at}{by}, but it was rolled back since and no longer counts")
}

/// Whether the account is on the list, by itself or by its customer.
fn listed(list: &Named, standing: &Standing, of: &str) -> String {
    let customer = standing.customer.as_ref();
    if list.is_empty() {
        return format!("no account is on the list of accounts that are {of}");
    }
    if list.accounts.contains(&standing.account) {
        return format!("the account is on the list of accounts that are {of}");
    }
    match customer {
        Some(customer) if list.customers.contains(&customer.key) => {
            let key = quoted(&customer.key);
            format!("the account's customer {key} is on the list of customers that are {of}")
        }
        Some(customer) => {
            let key = quoted(&customer.key);
            format!("neither the account nor its customer {key} is on the list of those that are {of}")
        }
        None => format!("the account is not on the list of accounts that are {of}"),
    }
}

fn archived(rollout: &Rollout, since: Timestamp) -> String {
    let (title, since) = (quoted(&rollout.title), instant(since));
    format!("the rollout {title} has been archived since {since}: it reaches no account")
}

fn stopped(rollout: &Rollout, stop: Option<&Stop>) -> String {
    let title = quoted(&rollout.title);
    let Some(stop) = stop else { return format!("the rollout {title} is not stopped") };
    let stopped = phrases::stopped(stop);
    let first = stop.cleared_by.as_ref().map(|first| format!("; {} was the first", first.name));
    let first = first.unwrap_or_default();
    format!(
        "the rollout {title} {stopped}: it reaches no further account until two persons clear the stop{first}"
    )
}

fn holdout(rollout: &Rollout, standing: &Standing, bucket: Bucket, held_out: bool) -> String {
    let share = rollout.holdout;
    if share.ppm() == 0 {
        return "no account is kept out to compare with".to_owned();
    }
    let from = phrases::number(Bucket::COUNT - share.ppm());
    let position = position(rollout, standing, bucket);
    let among = if held_out { "is one of them" } else { "is not one of them" };
    format!("{share} are kept out to compare with: positions from {from} on; {position} {among}")
}

#[cfg(test)]
mod tests;
