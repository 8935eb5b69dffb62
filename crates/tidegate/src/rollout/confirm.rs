//! The confirmation of severe verbs: the rollout's key, typed on a terminal or given by `--confirm`.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::Args;

use crate::failure::Usage;

#[derive(Args)]
pub struct ConfirmArgs {
    /// The rollout's key once more, in place of typing it on a terminal.
    #[arg(long, value_name = "KEY")]
    confirm: Option<String>,
}

impl ConfirmArgs {
    /// Fails unless the person means this rollout.
    pub fn ask(&self, key: &str) -> anyhow::Result<()> {
        match &self.confirm {
            Some(confirmed) if confirmed == key => return Ok(()),
            Some(confirmed) => {
                let text = format!("nothing was changed: --confirm names `{confirmed}`, and this is `{key}`");
                return Err(Usage::new(text).into());
            }
            None => {}
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let text = format!("nothing was changed: this needs a terminal, or `--confirm {key}`");
            return Err(Usage::new(text).into());
        }
        eprint!("Type the rollout's key to go on: ");
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed).context("failed to read the terminal")?;
        if typed.trim() != key {
            return Err(Usage::new(format!("nothing was changed: that is not `{key}`")).into());
        }
        Ok(())
    }
}
