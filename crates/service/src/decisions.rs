//! What is known of accounts, and the decision made from it.

use std::sync::Arc;

use tidegate_core::{
    Account, AccountId, ClientContext, Decision, Fact, FirstShown, LadderDecision, LadderRule, MethodAdvice,
    MethodSet, Product, ProductKey, Reason, Requirement, Rollout, RolloutKey, Rung, Span, Standing,
    Timestamp,
};
use tidegate_factors::policy::{self, Owned};
use tidegate_rollout::{Verdict, decide, method_move};
use tidegate_store::{
    Tx, View,
    ledger::{self, LedgerKey},
    rollouts, standings,
};

use crate::{CommandContext, Fault, QueryContext, cache};

impl QueryContext {
    /// The decision for one account, read from the database. Sign-ins are held to it.
    pub(crate) async fn decide(
        &self,
        view: &mut View,
        product: &Product,
        account: AccountId,
    ) -> Result<Decision, Fault> {
        let rollouts = self.rollouts(view).await?;
        let known = standings::get(view, account).await?.ok_or(Fault::Dangling("account"))?;
        let two_step = cache::rollouts(&rollouts).filter(|rollout| method_move::brings_two_step(rollout));
        let verdict = decide(product, two_step, &known.standing, self.now());
        Ok(informed(&verdict, cache::rollouts(&rollouts)).decision())
    }

    /// The advice to add a better method, and the decision by which its rollout has reached the account.
    pub(crate) async fn method_advice(
        &self,
        view: &mut View,
        product: &Product,
        account: AccountId,
    ) -> Result<Option<(MethodAdvice, Decision)>, Fault> {
        let rollouts = self.rollouts(view).await?;
        if cache::rollouts(&rollouts).all(method_move::brings_two_step) {
            return Ok(None);
        }
        let known = standings::get(view, account).await?.ok_or(Fault::Dangling("account"))?;
        let advice = method_move::advise(product, cache::rollouts(&rollouts), &known.standing, self.now());
        Ok(advice.map(|(advice, verdict)| (advice, verdict.decision())))
    }

    /// The methods that a rollout has ended for the account at the product, where others can meet the requirement. Where none
    /// ends any, nothing is read.
    pub(crate) async fn ended_methods(
        &self,
        view: &mut View,
        product: &Product,
        (account, requirement): (AccountId, Requirement),
    ) -> Result<MethodSet, Fault> {
        // An end is planned ahead, so that a copy of a second ago knows it.
        let known = self.cache().last_of_realm(self.realm());
        if known.is_some_and(|known| !method_move::may_end(cache::rollouts(&known.rollouts), self.now())) {
            return Ok(MethodSet::EMPTY);
        }
        let rollouts = self.rollouts(view).await?;
        if !method_move::may_end(cache::rollouts(&rollouts), self.now()) {
            return Ok(MethodSet::EMPTY);
        }
        let known = standings::get(view, account).await?.ok_or(Fault::Dangling("account"))?;
        let standing = &known.standing;
        let ended = method_move::ended(product, cache::rollouts(&rollouts), standing, self.now());
        Ok(policy::closed(&product.settings.methods, ended, owned(standing), requirement))
    }

    /// When the first reminder is due of an account that is told now. `None`: the rule has none.
    async fn first_reminder(
        &self,
        view: &mut View,
        decision: &Decision,
        ladder: &LadderDecision,
    ) -> Result<Option<Timestamp>, Fault> {
        let rollouts = self.rollouts(view).await?;
        let rollout = rollouts.iter().find(|rollout| rollout.key == ladder.rollout);
        let rule = rollout.and_then(|rollout| rule(rollout, ladder));
        let day = rule.and_then(|rule| rule.reminders.first());
        // Who has it on is told once that it stays on, whatever the days.
        Ok(day.map(|day| self.now().plus(Span::days(if decision.on { 0 } else { i64::from(*day) }))))
    }

    /// The newest rollouts. The cached ones are used if the database has exactly their revisions,
    /// which saves reading and parsing the documents.
    async fn rollouts(&self, view: &mut View) -> Result<Vec<Arc<Rollout>>, Fault> {
        let newest = rollouts::newest(view).await?;
        match self.cache().last_of_realm(self.realm()).filter(|known| known.has(&newest)) {
            Some(known) => Ok(known.rollouts.clone()),
            None => Ok(rollouts::all(view).await?.into_iter().map(Arc::new).collect()),
        }
    }
}

/// The decision with what it has to know of methods: which rollouts of a method have ended some, which are too weak for what is
/// required, and whether the account has what it takes.
pub(crate) fn informed<'a>(verdict: &Verdict<'a>, moves: impl Iterator<Item = &'a Rollout>) -> Verdict<'a> {
    let (product, standing) = (verdict.at(), verdict.standing());
    let (methods, requirement) = (&product.settings.methods, verdict.requirement_ahead());
    let ended = method_move::ended(product, moves, standing, verdict.evaluated_at);
    let closed = policy::closed(methods, ended, owned(standing), requirement);
    let weak = policy::too_weak(methods, requirement.max(Requirement::SecondStep));
    let has_way = verdict.ladder.is_some() && policy::meets(methods, owned(standing), requirement);
    verdict.knowing(closed.with(weak), has_way)
}

fn owned(standing: &Standing) -> Owned<'_> {
    Owned { methods: &standing.methods, email_verified: standing.email_verified }
}

/// The decision for one account by one rollout alone: what support and reminders are about.
pub(crate) fn by_rollout(product: &Product, rollout: &Rollout, known: &Standing, now: Timestamp) -> Decision {
    decide(product, std::iter::once(rollout), known, now).decision()
}

/// The rule that decided.
pub(crate) fn rule<'r>(rollout: &'r Rollout, ladder: &LadderDecision) -> Option<&'r LadderRule> {
    let place = usize::try_from(ladder.rule.0).ok()?.checked_sub(1)?;
    rollout.ladder.get(place)
}

/// Records that an app is told to show the feature. From the first time on the account stays
/// reached here, until a roll back takes it back.
pub(crate) async fn show(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    decision: &Decision,
    client: &ClientContext,
) -> Result<(), Fault> {
    let newly = matches!(decision.reason, Reason::Wave | Reason::Allowed);
    let (Some(rollout), Some(revision), true) = (&decision.rollout, decision.revision, newly) else {
        return Ok(());
    };
    let shown = FirstShown { at: cx.now(), revision, wave: decision.wave };
    if ledger::show(tx, account.id, (rollout, &decision.product), shown).await? {
        let event = cx.event(Fact::TwoStepShown { rollout: rollout.clone() });
        event.at(&decision.product).of(account).from(client).record(tx).await?;
    }
    Ok(())
}

/// Records that a sign-in met a ladder that is enforced: since when it is, and the first sign-in after the deadline, from which
/// on the set-up can be put off once.
pub(crate) async fn enforce(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    decision: &Decision,
    client: &ClientContext,
) -> Result<(), Fault> {
    let Some(ladder) = decision.ladder.as_ref().filter(|ladder| ladder.enforced) else { return Ok(()) };
    let at = LedgerKey { account: account.id, rollout: &ladder.rollout, product: &decision.product };
    let since = ladder.enroll_by.unwrap_or_else(|| cx.now());
    if ledger::require(tx, at, since).await? {
        let event = cx.event(Fact::TwoStepRequired { rollout: ladder.rollout.clone(), since });
        event.at(&decision.product).of(account).from(client).record(tx).await?;
    }
    ledger::overdue(tx, at, ladder.since, cx.now()).await?;
    Ok(())
}

/// Whether the ladder has come so far that accounts are told.
pub(crate) fn warns(ladder: &LadderDecision) -> bool {
    ladder.rung >= Rung::Nudge && ladder.required_from.is_some()
}

/// Records that the account is told that two-step will be required: the days of its grace begin. Returns the decision as it is
/// then. Below the rung `nudge` nothing is told.
pub(crate) async fn tell(
    cx: &CommandContext,
    tx: &mut Tx,
    (account, product): (&Account, &Product),
    decision: &Decision,
    client: &ClientContext,
) -> Result<Option<Decision>, Fault> {
    let Some(ladder) = decision.ladder.as_ref().filter(|ladder| warns(ladder)) else { return Ok(None) };
    let at = LedgerKey { account: account.id, rollout: &ladder.rollout, product: &product.key };
    if !ledger::tell(tx, at, ladder.since, cx.now()).await? {
        return Ok(None);
    }
    if let Some(first) = cx.query().first_reminder(tx, decision, ladder).await? {
        ledger::plan_reminders(tx, at, first).await?;
    }
    let event = cx.event(Fact::TwoStepTold { rollout: ladder.rollout.clone() });
    event.at(&product.key).of(account).from(client).record(tx).await?;
    cx.decide(tx, product, account.id).await.map(Some)
}

/// Records that two-step acts for the account at the product, from the first time on for good
/// (INV-42).
pub(crate) async fn activate(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (rollout, product): (&RolloutKey, &ProductKey),
    client: &ClientContext,
) -> Result<(), Fault> {
    if ledger::activate(tx, account.id, rollout, product, cx.now()).await? {
        let event = cx.event(Fact::TwoStepActive { rollout: rollout.clone() });
        event.at(product).of(account).from(client).record(tx).await?;
    }
    Ok(())
}
