//! Waiting for what another server must come to know.

use std::time::{Duration, Instant};

use anyhow::ensure;

/// Longer than anything may take.
const LONGEST: Duration = Duration::from_secs(10);
/// Between two looks.
const REST: Duration = Duration::from_millis(1);

/// Asks until it is so; `what` has not happened when it never is.
pub async fn until(
    what: &str,
    mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while !is_so().await? {
        ensure!(begun.elapsed() < LONGEST, "{what}: not after {} s", LONGEST.as_secs());
        tokio::time::sleep(REST).await;
    }
    Ok(begun.elapsed())
}
