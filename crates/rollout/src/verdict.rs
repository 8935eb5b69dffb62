//! A decision as it is made. It borrows its inputs, and allocates nothing.

use tidegate_core::{
    AccountId, Decision, Method, MethodSet, Missing, Ordinal, Product, ProductKey, Reason, RequiredSince,
    Requirement, Revision, RolloutKey, Standing, Timestamp,
};

use crate::ladder::LadderAnswer;

#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    pub(crate) product: &'a Product,
    pub(crate) standing: &'a Standing,
    pub reason: Reason,
    pub rollout: Option<&'a RolloutKey>,
    pub revision: Option<Revision>,
    pub wave: Option<Ordinal>,
    pub(crate) reached_since: Option<Timestamp>,
    /// The strictest of the ladders that have come to a rung for the account.
    pub ladder: Option<LadderAnswer<'a>>,
    /// Since when ladders demand something, by what they demand.
    pub(crate) enforced_since: RequiredSince,
    pub(crate) next_change_at: Option<Timestamp>,
    pub evaluated_at: Timestamp,
    /// Methods that the product allows, and that are of no use for the account here.
    pub(crate) closed: MethodSet,
}

impl<'a> Verdict<'a> {
    /// The decision, with what is known of methods. Those that are `closed` are not named. Who `has_way` has nothing to set up, so
    /// that nothing can be put off.
    #[must_use]
    pub fn knowing(mut self, closed: MethodSet, has_way: bool) -> Self {
        self.closed = closed;
        if let Some(answer) = &mut self.ladder {
            answer.pointless |= has_way;
        }
        self
    }

    pub fn account(&self) -> AccountId {
        self.standing.account
    }

    pub const fn at(&self) -> &'a Product {
        self.product
    }

    pub const fn standing(&self) -> &'a Standing {
        self.standing
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

    /// From the rung `required` on the owner cannot switch it off.
    pub fn may_toggle(&self) -> bool {
        self.visible() && !self.ladder.is_some_and(|answer| answer.binds())
    }

    /// The strictest of what the owner switched on and what ladders demand.
    pub fn requirement(&self) -> Requirement {
        let own = if self.acts() { Requirement::SecondStep } else { Requirement::None };
        self.ladder.map_or(own, |answer| own.max(answer.demand()))
    }

    /// The same, counting what a ladder demands from the account's deadline on.
    pub fn requirement_ahead(&self) -> Requirement {
        self.ladder.map_or(self.requirement(), |answer| self.requirement().max(answer.demands()))
    }

    /// The owner has switched two-step on, and it has reached the account here.
    fn acts(&self) -> bool {
        self.on() && self.visible()
    }

    pub fn required_since(&self) -> RequiredSince {
        let own = self.reached_since.max(self.standing.two_step_since).filter(|_| self.acts());
        own.map_or(self.enforced_since, |since| self.enforced_since.and(Requirement::SecondStep, since))
    }

    /// The methods of use for the account here.
    pub fn methods(&self) -> impl Iterator<Item = Method> + 'a {
        let closed = self.closed;
        let second_steps = self.product.settings.methods.methods().filter(|method| method.is_second_step());
        second_steps.filter(move |method| !closed.contains(*method))
    }

    pub fn missing(&self) -> Option<Missing> {
        (!self.on() && !self.standing.email_verified).then_some(Missing::VerifiedEmail)
    }

    /// The first instant at which the answer differs if nobody does anything.
    pub const fn next_change_at(&self) -> Option<Timestamp> {
        self.next_change_at
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
            ladder: self.ladder.map(|answer| answer.decision()),
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
