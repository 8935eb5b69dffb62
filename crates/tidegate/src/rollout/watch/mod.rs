//! `tidegate rollout watch`: a rollout as it happens, drawn in a terminal, or a line for each change.
//!
//! ```text
//! WatchRollout ──► snapshots ── an end, a lost or silent connection ──► "lost", wait ──► WatchRollout
//! ```

mod draw;
mod follow;
mod model;
mod plain;
mod terminal;
#[cfg(test)]
mod tests;

use std::{
    io::{IsTerminal as _, stdout},
    process::ExitCode,
};

use clap::Args;

use self::follow::Follower;
use super::CREDENTIAL_HELP;
use crate::server::Server;

#[derive(Args)]
#[command(mut_arg("credential_file", |argument| argument.help(CREDENTIAL_HELP)))]
pub struct WatchArgs {
    /// Key of the rollout.
    rollout: String,
    /// Print a line for each change, as where the output is no terminal.
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    server: Server,
}

pub async fn watch(watch: WatchArgs) -> anyhow::Result<ExitCode> {
    let client = watch.server.connect().await?;
    let mut follower = Follower::new(client, watch.rollout.clone());
    // What is refused for good is said before the screen is taken.
    let first = follower.next().await?;
    if watch.plain || !stdout().is_terminal() {
        plain::print(follower, first).await
    } else {
        terminal::show(follower, &watch.rollout, first).await
    }
}
