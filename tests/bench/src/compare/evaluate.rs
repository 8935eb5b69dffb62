//! Evaluate against the bare echo: the same accounts again and again, by either name, and every account
//! of the crowd in turn, so that none is asked twice before all were.

use std::sync::Arc;

use tidegate_proto as proto;

use crate::{
    calls::{Asking, CannedDecision, Evaluate, Line, Same, again},
    crowd,
    load::Load,
    people::PRODUCT,
    rounds::{Contender, interleave},
    scene::Scene,
    table::{By, Must, Report, Row},
};

/// Accounts that are asked again and again.
const KNOWN: u64 = 2_000;
/// The step through all other accounts. It is coprime to their count, so that each is asked once before any
/// is asked again.
const STRIDE: u64 = 7_919;

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let known = again((0..KNOWN).map(|place| asked(crowd::account(place).to_string())).collect());
    let external = again((0..KNOWN).map(|place| asked(crowd::external(place))).collect());
    let count = scene.size.saturating_sub(KNOWN).max(1);
    let missed: Asking<_> = Arc::new(move |number: u64| {
        asked(crowd::account(KNOWN + number.wrapping_mul(STRIDE) % count).to_string())
    });
    let (echo, app) = (scene.echo_lines().await?, scene.frontend_lines().await?);
    let of = |lines: &[_], asked: &Asking<_>| -> Vec<Evaluate> {
        lines.iter().map(|line: &Line| Evaluate { line: line.clone(), asked: asked.clone() }).collect()
    };
    let same = Load::new(of(&echo, &known).into_iter().map(Same).collect(), scene.options.at_once);
    let canned =
        Load::new(of(&echo, &known).into_iter().map(CannedDecision).collect(), scene.options.at_once);
    let again = Load::new(of(&app, &known), scene.options.at_once);
    let external = Load::new(of(&app, &external), scene.options.at_once);
    let once = Load::new(of(&app, &missed), scene.options.at_once);
    let (until, echo, server) = (scene.options.until(), &scene.echo.process, &scene.large.serving()?.process);
    let sides = interleave(
        scene.options.rounds(),
        vec![
            Contender::new("echo of the request", || same.round(until, Some(echo))),
            Contender::new("echo, canned answer", || canned.round(until, Some(echo))),
            Contender::new("Evaluate, again and again", || again.round(until, Some(server))),
            Contender::new("Evaluate, by external id", || external.round(until, Some(server))),
            Contender::new("Evaluate, each once", || once.round(until, Some(server))),
        ],
    )
    .await?;
    let path = format!("Evaluate ({})", scene.engine.title());
    if let [same, canned, again, external, once] = sides.as_slice() {
        report.row(Row::of(&path, again, same, By::Cpu, Must::AtLeast(0.8))?);
        report.row(Row::of(&path, again, canned, By::Cpu, Must::Nothing)?);
        report.row(Row::of(&path, again, same, By::Rate, Must::Nothing)?);
        report.row(Row::of(&path, external, same, By::Cpu, Must::Nothing)?);
        report.row(Row::of(&path, once, same, By::Cpu, Must::Nothing)?);
    }
    report.sides(&path, sides);
    Ok(())
}

pub fn asked(account: String) -> proto::EvaluateRequest {
    proto::EvaluateRequest { product: PRODUCT.to_owned(), account }
}
