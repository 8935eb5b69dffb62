//! Polling until another server knows of a change.

use std::time::{Duration, Instant};

use anyhow::ensure;

/// Longer than anything may take.
const LONGEST: Duration = Duration::from_secs(10);
/// Between two polls.
const REST: Duration = Duration::from_millis(1);

/// Polls until it is so, and returns how long that took. The error says that `what` did not happen.
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
