//! `BatchEvaluate` of 256 accounts against an echo of the request, and of the answer.

use tidegate_proto as proto;

use crate::{
    calls::{Batch, CannedBatch, SameBatch, again},
    crowd,
    load::Load,
    people::PRODUCT,
    rounds::{Contender, interleave},
    scene::Scene,
    table::{By, Must, Report, Row},
};

/// Items of a batch, the most there may be.
const ITEMS: u64 = 256;
const BATCHES: u64 = 8;

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let asked = again((0..BATCHES).map(batch).collect());
    let (echo, app) = (scene.echo_lines().await?, scene.evaluator_lines().await?);
    let of = |lines: Vec<_>| -> Vec<_> {
        lines.into_iter().map(|line| Batch { line, asked: asked.clone() }).collect()
    };
    // A batch is as much work as very many calls.
    let at_once = scene.options.at_once.div_ceil(8);
    let same = Load::new(of(echo.clone()).into_iter().map(SameBatch).collect(), at_once);
    let canned = Load::new(of(echo).into_iter().map(CannedBatch).collect(), at_once);
    let subject = Load::new(of(app), at_once);
    let (until, echo, server) = (scene.options.until(), &scene.echo.process, &scene.large.serving()?.process);
    let sides = interleave(
        scene.options.rounds(),
        vec![
            Contender::new("EchoBatch of the request", || same.round(until, Some(echo))),
            Contender::new("EchoBatch, canned answers", || canned.round(until, Some(echo))),
            Contender::new("BatchEvaluate", || subject.round(until, Some(server))),
        ],
    )
    .await?;
    let path = format!("BatchEvaluate 256, 3 rollouts ({})", scene.engine.title());
    if let [same, canned, subject] = sides.as_slice() {
        report.row(Row::of(&path, subject, same, By::Cpu, Must::AtLeast(0.5))?);
        report.row(Row::of(&path, subject, canned, By::Cpu, Must::Nothing)?);
    }
    report.sides(&path, sides);
    Ok(())
}

pub fn batch(number: u64) -> proto::BatchEvaluateRequest {
    let places = number * ITEMS..(number + 1) * ITEMS;
    let item = |place| proto::EvaluationItem {
        product: PRODUCT.to_owned(),
        account: crowd::account(place).to_string(),
    };
    proto::BatchEvaluateRequest { items: places.map(item).collect() }
}
