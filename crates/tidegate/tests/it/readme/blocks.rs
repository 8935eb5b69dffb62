//! The fenced blocks of a page, and the output that it shows of them.

/// One fenced block.
pub struct Block<'r> {
    /// What follows the fence.
    pub info: &'r str,
    pub body: String,
    /// The line of its fence, counted from 1.
    pub line: usize,
}

pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some(Block { info, body: String::new(), line: number + 1 }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(block)) => open = Some(Block { body: block.body + line + "\n", ..block }),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

impl Block<'_> {
    /// What is wrong with the output that the page shows, if anything is.
    pub fn difference(&self, printed: &str) -> Option<String> {
        let (lines, said): (Vec<_>, Vec<_>) = (self.body.lines().collect(), printed.lines().collect());
        let fit = lines.len() == said.len() && lines.iter().zip(&said).all(|(shown, line)| fits(shown, line));
        (!fit).then(|| format!("README.md:{} shows\n{}the block prints\n{printed}", self.line, self.body))
    }
}

/// Whether a printed line matches the shown one, in which `…` stands for anything.
fn fits(shown: &str, line: &str) -> bool {
    let mut parts: Vec<_> = shown.split('…').collect();
    let (last, Some(first)) = (parts.pop().unwrap(), parts.first().copied()) else { return shown == line };
    let Some(rest) = line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    let mut middle = parts.into_iter().skip(1);
    middle.try_fold(rest, |rest, part| rest.split_once(part).map(|(_, rest)| rest)).is_some()
}

#[test]
fn shown_output_stands_for_what_differs() {
    for (shown, line, fit) in [
        ("ready", "ready", true),
        ("ready", "ready.", false),
        ("… of 1000", "12 of 1000", true),
        ("… of 1000", "12 of 10000", false),
        ("a…@example.com", "a…@example.com", true),
        ("from … to …, …:…", "from 1 to 2, 3:abc", true),
        ("from … to …, …:…", "from 1 to 2", false),
        ("aa…aa", "aaa", false),
    ] {
        assert_eq!(fits(shown, line), fit, "{shown} {line}");
    }
}
