//! Standard error, which may be a full disk or a pipe that nobody reads any more. A log is never worth a call: a line that cannot
//! be written is lost, and counted.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
};

static LOST: AtomicU64 = AtomicU64::new(0);

/// Lines that could not be written since the program began.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Takes a line at a time.
pub struct LogWriter<W>(W);

pub fn log_writer() -> LogWriter<io::Stderr> {
    LogWriter(io::stderr())
}

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.write_all(line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
