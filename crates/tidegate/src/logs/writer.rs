//! Standard error, which may be a full disk, or a pipe that is not read any more. A log is never worth a call: lines wait
//! in a bounded queue for a thread of their own, and a line that finds no place in it or cannot be written is lost and
//! counted. When lines can be written again, one says how many are missing.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Lines that wait at most, and their bytes.
const MAX_LINES: usize = 8_192;
const MAX_BYTES: usize = 4 << 20;
/// How long the end of the program waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

static LINES: OnceLock<Arc<LineQueue>> = OnceLock::new();

/// Lines that could not be written since the program began.
pub fn lost() -> u64 {
    LINES.get().map_or(0, |lines| lines.lost.load(Ordering::Relaxed))
}

/// Waits until every line is written, but no longer than a few seconds. Call it when the program ends.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(FLUSH_TIMEOUT);
    }
}

/// Writes a line that is not one of the log, such as the error by which the program ends.
pub fn tell(text: &str) {
    lines().push(format!("{text}\n").into_bytes());
}

/// Takes a line at a time.
pub struct LogWriter(Arc<LineQueue>);

pub fn log_writer() -> LogWriter {
    LogWriter(lines())
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines() -> Arc<LineQueue> {
    LINES.get_or_init(|| LineQueue::begin(io::stderr())).clone()
}

struct LineQueue {
    lines: Mutex<Lines>,
    /// A line came, or was written.
    changed: Condvar,
    lost: AtomicU64,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The thread has one in its hands.
    is_writing: bool,
    /// There is no thread: every line is lost.
    is_closed: bool,
}

impl LineQueue {
    fn begin(out: impl Write + Send + 'static) -> Arc<Self> {
        let queue =
            Arc::new(Self { lines: Mutex::default(), changed: Condvar::new(), lost: AtomicU64::new(0) });
        let (thread, writing) = (thread::Builder::new().name("log writer".to_owned()), queue.clone());
        if thread.spawn(move || writing.write_to(out)).is_err() {
            queue.lines().is_closed = true;
        }
        queue
    }

    fn push(&self, line: Vec<u8>) {
        let mut lines = self.lines();
        let bytes = lines.bytes.saturating_add(line.len());
        if lines.is_closed || lines.waiting.len() >= MAX_LINES || bytes > MAX_BYTES {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.bytes = bytes;
        lines.waiting.push_back(line);
        drop(lines);
        self.changed.notify_all();
    }

    fn flush(&self, timeout: Duration) {
        let is_busy = |lines: &mut Lines| lines.is_writing || !lines.waiting.is_empty();
        drop(self.changed.wait_timeout_while(self.lines(), timeout, is_busy));
    }

    fn write_to(&self, mut out: impl Write) {
        let mut told = 0;
        loop {
            let (line, is_last) = self.next();
            let is_written = out.write_all(&line).is_ok();
            if !is_written {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            let lost = self.lost.load(Ordering::Relaxed);
            if is_written && is_last && lost > told {
                tracing::warn!(
                    lost = lost.saturating_sub(told),
                    "lines of the log were lost before this one"
                );
                told = lost;
            }
            self.lines().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits for a line. Says whether no other waits.
    fn next(&self) -> (Vec<u8>, bool) {
        let mut lines = self.lines();
        loop {
            if let Some(line) = lines.waiting.pop_front() {
                lines.bytes = lines.bytes.saturating_sub(line.len());
                lines.is_writing = true;
                return (line, lines.waiting.is_empty());
            }
            lines = self.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// A pipe that is open and not read takes some lines, the queue takes others, and the rest is lost. Nothing waits.
    #[test]
    fn a_pipe_that_is_not_read_costs_lines_and_no_time() {
        const PUSHED: u64 = 10_000;
        let (mut read, write) = io::pipe().unwrap();
        let queue = LineQueue::begin(write);
        let line = [b"x".repeat(1_023), b"\n".to_vec()].concat();
        for _ in 0..PUSHED {
            queue.push(line.clone());
        }
        let lost = queue.lost.load(Ordering::Relaxed);
        assert!(lost > 0 && lost < PUSHED, "{lost}");
        // What was not lost is written as soon as the pipe is read.
        let mut all = vec![0; usize::try_from(PUSHED - lost).unwrap() * line.len()];
        read.read_exact(&mut all).unwrap();
        queue.flush(Duration::MAX);
        assert!(all.chunks(line.len()).all(|read| read == line));
        assert_eq!(queue.lost.load(Ordering::Relaxed), lost);
    }

    #[test]
    fn the_end_waits_for_a_pipe_that_is_not_read_no_longer_than_it_is_told() {
        let (_read, write) = io::pipe().unwrap();
        let queue = LineQueue::begin(write);
        queue.push(b"x".repeat(1 << 20));
        queue.flush(Duration::from_millis(1));
        assert_eq!(queue.lost.load(Ordering::Relaxed), 0, "it still waits to be read");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let queue = LineQueue::begin(full);
        for _ in 0..3 {
            queue.push(b"line\n".to_vec());
        }
        queue.flush(Duration::MAX);
        assert_eq!(queue.lost.load(Ordering::Relaxed), 3);
    }
}
