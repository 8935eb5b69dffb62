use tidegate_core::{Refusal, Rule, RuleAsked};
use tidegate_proto as proto;
use tidegate_service::evaluations::{Evaluated, EvaluatedProspect, Explained};

use crate::{
    render::{decision, ladder, timestamp},
    status,
};

pub(super) fn evaluated(evaluated: Evaluated) -> proto::EvaluateResponse {
    proto::EvaluateResponse { decision: Some(decision(evaluated.verdict().decision())) }
}

pub(super) fn batch(results: Vec<Result<Evaluated, Refusal>>) -> proto::BatchEvaluateResponse {
    use proto::evaluation_result::Result as Wire;
    let result = |result: Result<Evaluated, Refusal>| proto::EvaluationResult {
        result: Some(match result {
            Ok(evaluated) => Wire::Decision(decision(evaluated.verdict().decision())),
            Err(refusal) => Wire::Error(status::reason(&refusal).into()),
        }),
    };
    proto::BatchEvaluateResponse { results: results.into_iter().map(result).collect() }
}

pub(super) fn prospect(evaluated: EvaluatedProspect) -> proto::EvaluateProspectResponse {
    proto::EvaluateProspectResponse {
        ladder: evaluated.ladder.map(ladder),
        evaluate_time: Some(timestamp(evaluated.evaluated_at)),
        next_change_time: evaluated.next_change_at.map(timestamp),
    }
}

pub(super) fn explained(explained: Explained) -> proto::ExplainResponse {
    let asked = |asked: RuleAsked| proto::RuleAsked {
        rollout: asked.rollout.into(),
        rule: rule(asked.rule).into(),
        wave: asked.wave.map_or(0, |ordinal| ordinal.0),
        holds: asked.holds,
        sentence: asked.sentence,
    };
    proto::ExplainResponse {
        decision: Some(decision(explained.decision)),
        summary: explained.summary,
        rules: explained.rules.into_iter().map(asked).collect(),
        standing_of_today: explained.standing_of_today,
        methods: explained.methods,
    }
}

fn rule(rule: Rule) -> proto::DecisionRule {
    match rule {
        Rule::Active => proto::DecisionRule::Active,
        Rule::Shown => proto::DecisionRule::Shown,
        Rule::Archived => proto::DecisionRule::Archived,
        Rule::Deny => proto::DecisionRule::Deny,
        Rule::Stop => proto::DecisionRule::Stop,
        Rule::Holdout => proto::DecisionRule::Holdout,
        Rule::Allow => proto::DecisionRule::Allow,
        Rule::Wave => proto::DecisionRule::Wave,
        Rule::Ladder => proto::DecisionRule::Ladder,
    }
}
