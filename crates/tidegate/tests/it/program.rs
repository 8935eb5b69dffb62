//! One run of the program. Its output is read while it runs, and it is killed at the latest when the test
//! drops it.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tidegate_tests::TIMEOUT;
use tokio::{sync::watch, time::timeout};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

pub struct Program {
    child: Child,
    out: Heard,
    err: Heard,
}

/// How a run ended, and all that it said.
#[derive(Debug)]
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// What one stream of a running program has said so far.
struct Heard {
    said: watch::Receiver<String>,
}

/// What a run is given. The program inherits no environment variable of the tests.
#[derive(Default)]
pub struct Told<'t> {
    pub words: Vec<&'t str>,
    pub environment: Vec<(&'t str, &'t str)>,
    pub input: &'t str,
}

impl Program {
    pub fn start(folder: &Path, told: &Told<'_>) -> Self {
        Self::start_other(env!("CARGO_BIN_EXE_tidegate"), folder, told)
    }

    /// Another program that a test needs.
    pub fn start_other(program: &str, folder: &Path, told: &Told<'_>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).args(&told.words).env_clear().envs(told.environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The write fails when the program reads no input and has already ended.
        let _ = child.stdin.take().unwrap().write_all(told.input.as_bytes());
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: Heard::from(out), err: Heard::from(err) }
    }

    /// Waits for the first line of standard output that has `text` in it.
    pub async fn prints(&mut self, text: &str) -> String {
        let line = self.out.line(text).await;
        line.unwrap_or_else(|| panic!("{text:?} was not printed:\n{}", self.so_far().transcript()))
    }

    /// Waits for the first line of standard error that has `text` in it.
    pub async fn logs(&mut self, text: &str) -> String {
        let line = self.err.line(text).await;
        line.unwrap_or_else(|| panic!("{text:?} was not logged:\n{}", self.so_far().transcript()))
    }

    pub fn so_far(&self) -> Ended {
        Ended { code: None, out: self.out.so_far(), err: self.err.so_far() }
    }

    /// Waits until the program ends by itself.
    pub async fn ended(mut self) -> Ended {
        let ended = self.out.ended().await && self.err.ended().await;
        assert!(ended, "it did not end:\n{}", self.so_far().transcript());
        Ended { code: self.child.wait().unwrap().code(), ..self.so_far() }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("/bin/sh").args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Program {
    /// Bounds the size of the files that the process writes, in bytes.
    pub fn limit_files(&self, most: &str) {
        let (pid, limit) = (self.child.id().to_string(), format!("--fsize={most}:"));
        let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(set.unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Heard {
    fn from(pipe: impl Read + Send + 'static) -> Self {
        let (tell, said) = watch::channel(String::new());
        std::thread::spawn(move || {
            let (mut pipe, mut line) = (BufReader::new(pipe), Vec::new());
            while pipe.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
                tell.send_modify(|said| said.push_str(&String::from_utf8_lossy(&line)));
                line.clear();
            }
        });
        Self { said }
    }

    /// `None` when the stream ends, or `TIMEOUT` passes, without such a line.
    async fn line(&mut self, text: &str) -> Option<String> {
        let find = |said: &str| said.lines().find(|line| line.contains(text)).map(str::to_owned);
        let said = timeout(TIMEOUT, self.said.wait_for(|said| find(said).is_some())).await;
        find(&said.ok()?.ok()?)
    }

    /// Whether the stream ended within `TIMEOUT`.
    async fn ended(&mut self) -> bool {
        // No output makes the condition true: the wait ends when the reading thread ends and drops the
        // sender.
        timeout(TIMEOUT, self.said.wait_for(|_| false)).await.is_ok()
    }

    fn so_far(&self) -> String {
        self.said.borrow().clone()
    }
}

impl Ended {
    /// Exit code and both streams, for snapshots.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for (name, said) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !said.is_empty() {
                let _ = writeln!(text, "{name}:\n{said}");
            }
        }
        let _ = write!(text, "exit code: {:?}", self.code);
        text
    }
}

/// For callers that call again.
pub async fn paused() {
    tokio::time::sleep(5 * POLL_INTERVAL).await;
}

/// Polls until `look` returns something, for at most `TIMEOUT`.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    timeout(TIMEOUT, seen).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}
