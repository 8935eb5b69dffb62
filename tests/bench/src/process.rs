//! Another process of this program, and its CPU time and memory.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use nix::{
    sys::signal::{Signal, kill},
    time::clock_getcpuclockid,
    unistd::Pid,
};

/// Dropping it kills the process. The kernel kills it when this process ends in another way.
pub struct Process {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    started: Instant,
}

/// How long a process may take to say what it is asked for.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Process {
    /// `words` are the arguments, `folder` is the working directory.
    pub fn start(words: &[&str], folder: &Path) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("failed to start a process")?;
        let input = child.stdin.take().context("a process without an input")?;
        let output = BufReader::new(child.stdout.take().context("a process without an output")?);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The receiver may be gone; the pipe is drained all the same.
                let _ = sender.send(line);
            }
        });
        Ok(Self { child, input, lines, started })
    }

    /// The first line from now on that has `text` in it, and when it came.
    pub fn says(&mut self, text: &str) -> anyhow::Result<(String, Duration)> {
        loop {
            let line = self.lines.recv_timeout(TIMEOUT);
            let line = line.with_context(|| format!("a process did not say {text:?}"))?;
            if line.contains(text) {
                return Ok((line, self.started.elapsed()));
            }
        }
    }

    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{line}").context("a process does not listen")
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("a process ended with {status}") }
    }

    /// Asks it to end, and waits.
    pub fn stop(self) -> anyhow::Result<()> {
        kill(self.pid(), Signal::SIGTERM)?;
        self.ended()
    }

    /// User and system time of all its threads.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let time = clock_getcpuclockid(self.pid())?.now()?;
        Ok(Duration::from(time))
    }

    /// Resident memory in MB.
    pub fn memory(&self) -> anyhow::Result<f64> {
        self.status("VmRSS:")
    }

    /// The most resident memory, in MB, since the process began or `forget_peak`.
    pub fn peak(&self) -> anyhow::Result<f64> {
        self.status("VmHWM:")
    }

    /// The peak counts from now on (`proc_pid_clear_refs(5)`).
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn status(&self, name: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).context("no such figure")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kib * 1_024.0 / 1e6)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
