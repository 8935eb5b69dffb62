//! The lines of a file, read once and one at a time: a pipe cannot be read twice, and a file may have any size.

use std::io::{self, BufRead};

/// The longest line in bytes, which is the largest message to the server. A longer line is skipped
/// and not kept in memory.
pub const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;
/// Some programs write it at the start of a file in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub struct LineReader<R> {
    input: R,
    number: u64,
}

/// A line of a file, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum FileLine {
    Whole(Vec<u8>),
    TooLong,
}

impl<R: BufRead> LineReader<R> {
    pub const fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line and its number, beginning with 1; `None` at the end. The last one need not end.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, FileLine)>> {
        let mut line = Vec::new();
        let most = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        // One byte more: for the line's end.
        if io::Read::take(&mut self.input, most + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.pop_if(|last| *last == b'\n').is_none() && line.len() > MAX_LINE_BYTES {
            self.input.skip_until(b'\n')?;
            return Ok(Some((self.number, FileLine::TooLong)));
        }
        if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some((self.number, FileLine::Whole(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, FileLine)> {
        // A small buffer, so that lines go over its end.
        let mut reader = LineReader::new(io::BufReader::with_capacity(3, bytes));
        std::iter::from_fn(|| reader.next_line().unwrap()).collect()
    }

    fn whole(number: u64, line: &str) -> (u64, FileLine) {
        (number, FileLine::Whole(line.as_bytes().to_vec()))
    }

    #[test]
    fn lines_are_numbered_and_the_last_one_need_not_end() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"one\n\ntwo words"), [whole(1, "one"), whole(2, ""), whole(3, "two words")]);
        assert_eq!(lines(b"one\r\n"), [whole(1, "one\r")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_alone() {
        assert_eq!(lines(b"\xef\xbb\xbfone\n"), [whole(1, "one")]);
        assert_eq!(lines(b"one\n\xef\xbb\xbftwo"), [whole(1, "one"), whole(2, "\u{feff}two")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let full = "x".repeat(MAX_LINE_BYTES);
        let file = format!("{full}x\n{full}\ntwo\n{full}xxx");
        let lines = lines(file.as_bytes());
        assert!(lines[1] == whole(2, &full), "the longest line that is read");
        assert_eq!((&lines[0], &lines[2]), (&(1, FileLine::TooLong), &whole(3, "two")));
        assert_eq!(lines[3..], [(4, FileLine::TooLong)]);
    }
}
