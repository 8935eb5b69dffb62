//! `AnswerChallenge` with right codes against the least that the database must do for it.

use std::sync::{Arc, atomic::AtomicU64};

use crate::{
    bare,
    calls::{Answer, Line},
    engine::Engine,
    load::{Load, Until},
    rounds::{Contender, interleave},
    scene::Scene,
    table::{By, Must, Report, Row},
};

/// Answers at once.
const MANY: usize = 64;

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let lines = scene.frontend_lines().await?;
    let of = |line: &Line| Answer { line: line.clone(), guests: scene.guests.clone() };
    let answered = Arc::new(AtomicU64::new(0));
    let many = Load::new(lines.iter().map(of).collect(), MANY.div_ceil(lines.len())).numbered(&answered);
    let one = Load::new(lines.iter().take(1).map(of).collect(), 1).numbered(&answered);
    let (forms, stepped) = (bare::forms(&scene.large.url).await?, Arc::new(AtomicU64::new(0)));
    let bare_many: Vec<_> =
        forms.iter().map(|(_, form)| Load::new(vec![form.clone(); MANY], 1).numbered(&stepped)).collect();
    let bare_one: Vec<_> =
        forms.iter().map(|(_, form)| Load::new(vec![form.clone()], 1).numbered(&stepped)).collect();

    let server = &scene.large.serving()?.process;
    for (at_once, subject, bare) in [(MANY, &many, &bare_many), (1, &one, &bare_one)] {
        let count = if at_once == 1 { scene.options.answers_one() } else { scene.options.answers_many() };
        let until = Until::Made(count);
        let mut contenders = vec![Contender::new("AnswerChallenge", || subject.round(until, Some(server)))];
        for ((name, _), load) in forms.iter().zip(bare) {
            contenders.push(Contender::new(name, move || load.round(until, None)));
        }
        let sides = interleave(scene.options.rounds(), contenders).await?;
        let path = format!("AnswerChallenge, c={at_once} ({})", scene.engine.title());
        let (by, must) = match (at_once, &scene.engine) {
            (1, _) => (By::Latency(0.5), Must::AtMost(3.0)),
            (_, Engine::Sqlite) => (By::Rate, Must::AtLeast(0.4)),
            (_, Engine::Postgres(_)) => (By::Rate, Must::AtLeast(0.3)),
        };
        if let [subject, baselines @ ..] = sides.as_slice() {
            for (place, baseline) in baselines.iter().enumerate() {
                let must = if place == 0 { must } else { Must::Nothing };
                report.row(Row::of(&path, subject, baseline, by, must)?);
            }
        }
        report.sides(&path, sides);
    }
    Ok(())
}
