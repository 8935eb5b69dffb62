//! `EvaluationService`.

mod parse;
mod quick;
mod read;
mod render;
mod write;

pub(crate) use quick::{Busy, Quick};

crate::door::handlers! { EvaluationService in evaluation_service_server {
    ask evaluate(EvaluateRequest) -> EvaluateResponse = parse::evaluate, render::evaluated;
    ask batch_evaluate(BatchEvaluateRequest) -> BatchEvaluateResponse = parse::batch, render::batch;
    ask explain(ExplainRequest) -> ExplainResponse = parse::explain, render::explained;
} }
