//! How far a long command has come, on standard error: one line that is rewritten on a terminal, else a line now and then.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The time between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    said: Instant,
}

impl Progress {
    pub fn begin(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("  {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new_spinner().with_style(style));
        Self { bar, what, said: Instant::now() }
    }

    /// `total`: zero where it is not known.
    pub fn tell(&mut self, count: i64, total: i64) {
        let of = if total > 0 { format!(" of {total}") } else { String::new() };
        let line = format!("{count}{of} {}", self.what);
        match &self.bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None if self.said.elapsed() >= EVERY => {
                eprintln!("{line}");
                self.said = Instant::now();
            }
            None => {}
        }
    }

    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
