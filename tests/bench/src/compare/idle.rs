//! What the program needs before its first call.

use std::time::Duration;

use crate::{
    sample::{median, number},
    scene::Scene,
    table::{Must, Report, Row},
};

const STARTS: usize = 5;

pub async fn run(scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    let (mut ready, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        scene.small.stop()?;
        scene.small.start()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let serving = scene.small.serving()?;
        ready.push(serving.ready.as_secs_f64() * 1e3);
        memory.push(serving.process.memory()?);
    }
    let path = format!("idle ({})", scene.engine.title());
    let figure = |values| median(values).unwrap_or_default();
    report.row(Row::alone(&path, "resident memory", figure(memory), "MB", Must::AtMost(60.0)));
    report.row(Row::alone(&path, "from the start to ready", figure(ready), "ms", Must::AtMost(300.0)));
    let after = scene.large.serving()?.process.memory()?;
    let whom = format!("resident memory, {} accounts, so far", number(scene.size));
    report.row(Row::alone(&path, &whom, after, "MB", Must::Nothing));
    Ok(())
}
