use tidegate_core::{Decision, Refusal};
use tidegate_proto as proto;

use crate::{render::decision, status};

pub(super) fn evaluated(decided: Decision) -> proto::EvaluateResponse {
    proto::EvaluateResponse { decision: Some(decision(decided)) }
}

pub(super) fn batch(results: Vec<Result<Decision, Refusal>>) -> proto::BatchEvaluateResponse {
    use proto::evaluation_result::Result as Wire;
    let result = |result: Result<Decision, Refusal>| proto::EvaluationResult {
        result: Some(match result {
            Ok(decided) => Wire::Decision(decision(decided)),
            Err(refusal) => Wire::Error(status::reason(&refusal).into()),
        }),
    };
    proto::BatchEvaluateResponse { results: results.into_iter().map(result).collect() }
}
