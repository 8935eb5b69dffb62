//! The options of a run.

use std::time::Duration;

use crate::{compare::Name, engine, load::Until};

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Fewer accounts and shorter rounds: to see that it works; the figures mean little.
    #[arg(long)]
    pub quick: bool,
    /// One comparison only; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<Name>,
    /// One engine only.
    #[arg(long)]
    pub engine: Option<engine::EngineName>,
    /// Seconds of one round; 1, or 0.5 with --quick.
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Rounds of each side; 8, or 4 with --quick.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Connections of the load.
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Calls at once on each connection.
    #[arg(long, default_value_t = 32)]
    pub at_once: usize,
}

impl Options {
    pub fn wants(&self, name: Name) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }

    pub fn engines(&self) -> Vec<engine::EngineName> {
        self.engine
            .map_or(vec![engine::EngineName::Sqlite, engine::EngineName::Postgres], |engine| vec![engine])
    }

    pub fn span(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.5 } else { 1.0 });
        Duration::from_secs_f64(seconds.clamp(0.05, 60.0))
    }

    pub fn until(&self) -> Until {
        Until::Passed(self.span())
    }

    pub const fn rounds(&self) -> usize {
        match self.rounds {
            Some(0) => 1,
            Some(rounds) => rounds,
            None if self.quick => 4,
            None => 8,
        }
    }

    /// Accounts of the large installation.
    pub const fn crowd(&self) -> u64 {
        if self.quick { 100_000 } else { 1_000_000 }
    }

    /// Accounts whose sign-ins are weighed.
    pub const fn owners(&self) -> usize {
        if self.quick { 100 } else { 400 }
    }

    /// Answers of one round, many at once.
    pub const fn answers_many(&self) -> u64 {
        if self.quick { 1_500 } else { 4_000 }
    }

    /// Answers of one round, one after the other.
    pub const fn answers_one(&self) -> u64 {
        if self.quick { 150 } else { 400 }
    }

    /// Accounts whose sign-in waits for a code: each answers once.
    pub fn guests(&self) -> usize {
        let each = usize::try_from(self.answers_many() + self.answers_one()).unwrap_or(0);
        (self.rounds() + 1) * each
    }
}
