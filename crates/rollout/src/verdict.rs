//! A decision as it is made. It borrows its inputs, and allocates nothing.

use tidegate_core::{
    AccountId, Decision, Method, Missing, Ordinal, Product, ProductKey, Reason, Requirement, Revision,
    RolloutKey, Standing, Timestamp,
};

#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    pub(crate) product: &'a Product,
    pub(crate) standing: &'a Standing,
    pub reason: Reason,
    pub rollout: Option<&'a RolloutKey>,
    pub revision: Option<Revision>,
    pub wave: Option<Ordinal>,
    pub(crate) reached_since: Option<Timestamp>,
    pub evaluated_at: Timestamp,
}

impl<'a> Verdict<'a> {
    pub fn account(&self) -> AccountId {
        self.standing.account
    }

    pub fn product(&self) -> &'a ProductKey {
        &self.product.key
    }

    pub fn visible(&self) -> bool {
        self.reason.is_visible()
    }

    /// The owner's switch.
    pub fn on(&self) -> bool {
        self.standing.two_step_since.is_some()
    }

    pub fn may_toggle(&self) -> bool {
        self.visible()
    }

    pub fn requirement(&self) -> Requirement {
        if self.on() && self.visible() { Requirement::SecondStep } else { Requirement::None }
    }

    /// Since when two-step acts here: it is on, and has reached the account.
    pub fn required_since(&self) -> Option<Timestamp> {
        let both = self.reached_since.max(self.standing.two_step_since);
        both.filter(|_| self.requirement() != Requirement::None)
    }

    /// The methods that may be enrolled and used as a second step here, by the method policy.
    pub fn methods(&self) -> impl Iterator<Item = Method> + 'a {
        self.product.settings.methods.methods().filter(|method| method.is_second_step())
    }

    pub fn missing(&self) -> Option<Missing> {
        (!self.on() && !self.standing.email_verified).then_some(Missing::VerifiedEmail)
    }

    /// Always `None`: nothing of a rollout has a date yet, so the answer changes only by a call.
    pub fn next_change_at(&self) -> Option<Timestamp> {
        None
    }

    pub fn decision(&self) -> Decision {
        Decision {
            account: self.account(),
            product: self.product.key.clone(),
            visible: self.visible(),
            on: self.on(),
            may_toggle: self.may_toggle(),
            requirement: self.requirement(),
            required_since: self.required_since(),
            methods: self.methods().collect(),
            missing: self.missing().into_iter().collect(),
            reason: self.reason,
            rollout: self.rollout.cloned(),
            wave: self.wave,
            revision: self.revision,
            evaluated_at: self.evaluated_at,
            next_change_at: self.next_change_at(),
        }
    }
}
