//! Who watches a decision being made.

use tidegate_core::{Rollout, Rule, RuleAsked, Wave};

/// Told of each rule that is asked. What it saw is put into words only for who listens.
pub trait DecisionTrace {
    fn asked(
        &mut self,
        rollout: &Rollout,
        rule: Rule,
        wave: Option<&Wave>,
        holds: bool,
        saw: impl FnOnce() -> String,
    );
}

/// Nobody listens.
impl DecisionTrace for () {
    #[inline]
    fn asked(&mut self, _: &Rollout, _: Rule, _: Option<&Wave>, _: bool, _: impl FnOnce() -> String) {}
}

impl DecisionTrace for Vec<RuleAsked> {
    fn asked(
        &mut self,
        rollout: &Rollout,
        rule: Rule,
        wave: Option<&Wave>,
        holds: bool,
        saw: impl FnOnce() -> String,
    ) {
        let (rollout, wave) = (rollout.key.clone(), wave.map(|wave| wave.ordinal));
        self.push(RuleAsked { rollout, rule, wave, holds, saw: saw() });
    }
}
