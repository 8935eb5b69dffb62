//! `EvaluationService`.

mod fast_path;
mod fast_read;
mod fast_write;
mod parse;
mod render;

pub(crate) use fast_path::{FastPath, HotMethod};

crate::door::handlers! { EvaluationService in evaluation_service_server {
    ask evaluate(EvaluateRequest) -> EvaluateResponse = parse::evaluate, render::evaluated;
    ask batch_evaluate(BatchEvaluateRequest) -> BatchEvaluateResponse = parse::batch, render::batch;
    ask evaluate_prospect(EvaluateProspectRequest) -> EvaluateProspectResponse
        = parse::prospect, render::prospect;
    ask explain(ExplainRequest) -> ExplainResponse = parse::explain, render::explained;
} }
