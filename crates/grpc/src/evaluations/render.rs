use tidegate_core::{Refusal, Rule, RuleAsked};
use tidegate_proto as proto;
use tidegate_service::evaluations::{Evaluated, Explained, Verdict};

use crate::{
    render::{decision, method, missing, reason, requirement, timestamp},
    status,
};

pub(super) fn evaluated(evaluated: Evaluated) -> proto::EvaluateResponse {
    proto::EvaluateResponse { decision: Some(verdict(&evaluated.verdict())) }
}

pub(super) fn batch(results: Vec<Result<Evaluated, Refusal>>) -> proto::BatchEvaluateResponse {
    use proto::evaluation_result::Result as Wire;
    let result = |result: Result<Evaluated, Refusal>| proto::EvaluationResult {
        result: Some(match result {
            Ok(evaluated) => Wire::Decision(verdict(&evaluated.verdict())),
            Err(refusal) => Wire::Error(status::reason(&refusal).into()),
        }),
    };
    proto::BatchEvaluateResponse { results: results.into_iter().map(result).collect() }
}

/// The same as `decision`, without a copy in between.
fn verdict(verdict: &Verdict<'_>) -> proto::Decision {
    proto::Decision {
        account_id: verdict.account().to_string(),
        product: verdict.product().as_str().to_owned(),
        visible: verdict.visible(),
        on: verdict.on(),
        may_toggle: verdict.may_toggle(),
        requirement: requirement(verdict.requirement()).into(),
        methods: verdict.methods().map(|one| method(one).into()).collect(),
        missing: missing(verdict.missing().as_slice()),
        reason: reason(verdict.reason).into(),
        rollout: verdict.rollout.map(|key| key.as_str().to_owned()).unwrap_or_default(),
        wave: verdict.wave.map_or(0, |ordinal| ordinal.0),
        revision: verdict.revision.map_or(0, |revision| revision.0),
        evaluate_time: Some(timestamp(verdict.evaluated_at)),
        next_change_time: verdict.next_change_at().map(timestamp),
    }
}

pub(super) fn explained(explained: Explained) -> proto::ExplainResponse {
    let asked = |asked: RuleAsked| proto::RuleAsked {
        rollout: asked.rollout.into(),
        rule: rule(asked.rule).into(),
        wave: asked.wave.map_or(0, |ordinal| ordinal.0),
        holds: asked.holds,
        saw: asked.saw,
    };
    proto::ExplainResponse {
        decision: Some(decision(explained.decision)),
        rules: explained.rules.into_iter().map(asked).collect(),
        standing_of_today: explained.standing_of_today,
    }
}

fn rule(rule: Rule) -> proto::DecisionRule {
    match rule {
        Rule::Active => proto::DecisionRule::Active,
        Rule::Shown => proto::DecisionRule::Shown,
        Rule::Deny => proto::DecisionRule::Deny,
        Rule::Stop => proto::DecisionRule::Stop,
        Rule::Holdout => proto::DecisionRule::Holdout,
        Rule::Allow => proto::DecisionRule::Allow,
        Rule::Wave => proto::DecisionRule::Wave,
    }
}
