//! A line for each change, for logs and programs: no escape codes, and nothing is written twice.

use std::{
    io::{ErrorKind, Write as _, stdout},
    process::ExitCode,
};

use anyhow::Context as _;
use tidegate_proto as proto;

use super::{
    follow::{Follower, Update},
    model::started_waves,
};
use crate::{
    output::{instant, plain},
    rollout::{funnel, show},
};

pub async fn print(mut follower: Follower, first: Update) -> anyhow::Result<ExitCode> {
    let (mut update, mut last) = (first, String::new());
    loop {
        match update {
            Update::Snapshot(snapshot) => {
                let line = line(&snapshot);
                if line != last {
                    if print_line(&snapshot, &line)? == Reader::Gone {
                        return Ok(ExitCode::SUCCESS);
                    }
                    last = line;
                }
            }
            Update::Lost { why, wait } => {
                let wait = wait.as_secs().max(1);
                eprintln!("the connection is lost ({}); trying again in {wait} s", plain(&why));
            }
        }
        update = follower.next().await?;
    }
}

#[derive(PartialEq, Eq)]
enum Reader {
    Reads,
    /// It has closed the pipe, and has what it wants.
    Gone,
}

fn print_line(snapshot: &proto::WatchRolloutResponse, line: &str) -> anyhow::Result<Reader> {
    let mut out = stdout().lock();
    let written = writeln!(out, "{} {line}", instant(snapshot.send_time.as_ref())).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("failed to print"),
    }
}

/// What a snapshot says, without its time.
pub fn line(snapshot: &proto::WatchRolloutResponse) -> String {
    let revision = snapshot.revision.clone().unwrap_or_default();
    let rollout = revision.rollout.clone().unwrap_or_default();
    let stats = snapshot.stats.clone().unwrap_or_default();
    let (standing, by) = (show::state(&rollout), show::author(&revision));
    let (number, waves) = (rollout.revision, started_waves(&rollout));
    let reason = show::reason(&revision.reason);
    let steps = funnel::present(&funnel::totals(&stats.funnel)).into_iter();
    let steps: Vec<_> = steps.map(|(step, count)| format!("{} {count}", funnel::step_name(step))).collect();
    let steps = if steps.is_empty() { "no events yet".to_owned() } else { steps.join(", ") };
    format!("{}: {standing}, {waves}, revision {number} by {by}{reason}; {steps}", rollout.key)
}
