//! The preview of a change in a large realm: every account is read and decided twice.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tidegate_proto::{self as proto, preview_rollout_request::Change, preview_rollout_response::Part};

use crate::{
    sample::{Sample, Side, tenths},
    scene::{SLOW, Scene},
    table::{Must, Report, Row},
};

/// Measurements.
const TIMES: usize = 3;
const MILLION: f64 = 1e6;

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let client = scene.large.client().await?;
    let (mut took, mut seconds) = (Vec::new(), 0.0_f64);
    for _ in 0..TIMES {
        let request = proto::PreviewRolloutRequest {
            rollout: SLOW.to_owned(),
            change: Some(Change::Stop(true)),
            sample_size: 100,
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
    let path = format!("preview of a change, {} accounts ({})", scene.size, scene.engine.title());
    report.row(Row::alone(&path, "a million accounts, most", seconds, "s", Must::AtMost(10.0)));
    let sample = Sample::new(took, Duration::from_secs(1), None);
    report.sides(&path, [Side { name: "preview".to_owned(), rounds: vec![sample] }]);
    Ok(())
}
