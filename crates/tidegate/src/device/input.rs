//! Standard input, line by line.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::mpsc::{Receiver, channel};

/// Lines of standard input. A thread reads them, from the first line that is asked for: a read cannot be cancelled, and must
/// hold up neither a call nor the program's end.
#[derive(Default)]
pub struct InputLines {
    lines: Option<Receiver<String>>,
}

impl InputLines {
    /// The next line; `None` at the end. The future may be dropped; no line is lost.
    pub async fn next(&mut self) -> Option<String> {
        self.lines.get_or_insert_with(read).recv().await
    }

    /// Whether a person may type at any time, and not a script that wrote its lines before.
    pub fn is_terminal() -> bool {
        std::io::stdin().is_terminal()
    }
}

fn read() -> Receiver<String> {
    let (lines, read) = channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    read
}
