//! The preview of a change in a large realm: every account is read once, and decided twice at each instant. The memory that
//! it takes does not depend on how many accounts there are.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tidegate_proto::{self as proto, Rung, preview_rollout_request::Change, preview_rollout_response::Part};

use crate::{
    ambient,
    sample::{Sample, Side, tenths},
    scene::{SLOW, Scene},
    table::{Must, Report, Row},
};

/// Measurements.
const TIMES: usize = 3;
const MILLION: f64 = 1e6;
/// Dates of the ladder, beside now.
const DATES: i64 = 4;

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let (stop, ladder) =
        (Change::Stop(true), Change::SetLadder(proto::PlannedLadder { rules: vec![rule()] }));
    measure(scene, report, ("a change", stop, false), 10.0).await?;
    let name = format!("a ladder at {} instants", DATES + 1);
    measure(scene, report, (&name, ladder, true), 10.0).await
}

async fn measure(
    scene: &Scene,
    report: &mut Report,
    (name, change, all_dates): (&str, Change, bool),
    most: f64,
) -> anyhow::Result<()> {
    let client = scene.large.client().await?;
    let process = &scene.large.serving()?.process;
    let (mut took, mut seconds) = (Vec::new(), 0.0_f64);
    process.forget_peak()?;
    let before = process.memory()?;
    for _ in 0..TIMES {
        let request = proto::PreviewRolloutRequest {
            rollout: SLOW.to_owned(),
            change: Some(change.clone()),
            sample_size: 100,
            all_dates,
            ..Default::default()
        };
        let begun = Instant::now();
        let mut stream = client.rollouts().preview_rollout(request).await?.into_inner();
        let mut last = None;
        while let Some(message) = stream.message().await? {
            last = message.part;
        }
        let Some(Part::Result(result)) = last else { anyhow::bail!("the preview ended without its result") };
        let elapsed = begun.elapsed();
        took.push(tenths(elapsed));
        let accounts = u32::try_from(result.account_count).context("too many accounts")?;
        seconds = seconds.max(elapsed.as_secs_f64() * MILLION / f64::from(accounts));
    }
    let peak = process.peak()?;
    let path = format!("preview of {name}, {} accounts ({})", scene.size, scene.engine.title());
    report.row(Row::alone(&path, "a million accounts, most", seconds, "s", Must::AtMost(most)));
    report.row(Row::alone(&path, "peak memory of the server", peak, "MB", Must::AtMost(200.0)));
    report.row(Row::alone(&path, "of that, above what it had before", peak - before, "MB", Must::Nothing));
    let sample = Sample::new(took, Duration::from_secs(1), None);
    report.sides(&path, [Side { name: "preview".to_owned(), rounds: vec![sample] }]);
    Ok(())
}

/// For everybody, with a phase on each of four days to come.
fn rule() -> proto::LadderRule {
    let now = ambient::now().unix_seconds();
    let rungs = [Rung::Optional, Rung::Nudge, Rung::Required, Rung::Locked];
    let phases = (1..=DATES).zip(rungs).map(|(day, rung)| proto::LadderPhase {
        from_time: Some(proto::Timestamp { seconds: now + day * 86_400, nanos: 0 }),
        rung: rung.into(),
        ..Default::default()
    });
    proto::LadderRule {
        title: "everybody".to_owned(),
        phases: phases.collect(),
        grace: Some(proto::Grace::default()),
        ..Default::default()
    }
}
