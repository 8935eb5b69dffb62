//! Explains why an account gets its answer, by the same code that decides it.

use tidegate_core::{
    AccountRef, Decision, Permission, ProductKey, Refusal, Revision, Rollout, RolloutKey, RuleAsked,
    Timestamp,
};
use tidegate_rollout::{Explanation, explain, explain_method, method_move};
use tidegate_store::{View, rollouts, standings};

use crate::{Error, Query, QueryContext, decisions::informed};

#[derive(Debug)]
pub struct Explain {
    pub product: ProductKey,
    pub account: AccountRef,
    /// `None`: now.
    pub at: Option<Timestamp>,
    /// A rollout and the revision to try, instead of its revision at that instant.
    pub under: Option<(RolloutKey, Revision)>,
}

#[derive(Debug)]
pub struct Explained {
    pub decision: Decision,
    /// The decision and its reason, in one sentence for product managers.
    pub summary: String,
    pub rules: Vec<RuleAsked>,
    /// What the rollouts of a method say of the account, a sentence each.
    pub methods: Vec<String>,
    /// Whether the instant is not now: the account is still seen as it is today.
    pub standing_of_today: bool,
}

impl Query for Explain {
    const NAME: &'static str = "explain";
    const PERMISSION: Permission = Permission::Explain;
    type Outcome = Explained;

    async fn run(self, cx: &QueryContext) -> Result<Explained, Error> {
        let mut view = cx.view();
        let product = cx.product(&mut view, &self.product).await?;
        let known = standings::find(&mut view, &self.account).await?;
        let standing = known.ok_or(Refusal::AccountNotFound)?.standing;
        let (rollouts, moves) = self.rollouts(&mut view).await?;
        let at = self.at.unwrap_or_else(|| cx.now());
        let explanation = explain(&product, &rollouts, &standing, at);
        let under = self.under.as_ref().map(|(key, revision)| (key, *revision));
        let Explanation { verdict, summary, rules } = explanation.supposing(self.at, under);
        let verdict = informed(&verdict, moves.iter());
        let says = |rollout| explain_method(rollout, &product, &standing, at);
        let methods = moves.iter().filter_map(says).collect();
        let decision = verdict.decision();
        Ok(Explained { decision, summary, rules, methods, standing_of_today: self.at.is_some() })
    }
}

impl Explain {
    /// The rollouts that decide, and those of a method.
    async fn rollouts(&self, view: &mut View) -> Result<(Vec<Rollout>, Vec<Rollout>), Error> {
        let mut found = match self.at {
            Some(at) => rollouts::as_of(view, at).await?,
            None => rollouts::all(view).await?,
        };
        if let Some((key, number)) = &self.under {
            rollouts::find(view, key).await?.ok_or(Refusal::RolloutNotFound)?;
            let tried = rollouts::revision(view, key, *number).await?.ok_or(Refusal::RevisionNotFound)?;
            found.retain(|rollout| rollout.key != *key);
            found.push(tried.rollout);
            found.sort_by(|one, other| one.key.cmp(&other.key));
        }
        let (two_step, moves): (Vec<_>, Vec<_>) = found.into_iter().partition(method_move::brings_two_step);
        // A rollout of a method is explained by itself, where it is named.
        let named = self.under.as_ref().and_then(|(key, _)| moves.iter().find(|one| one.key == *key));
        Ok(match named.cloned() {
            Some(named) => (vec![named.clone()], vec![named]),
            None => (two_step, moves),
        })
    }
}
