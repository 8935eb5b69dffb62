//! One input of a target.

use std::{borrow::Cow, fmt, ops::Deref};

#[derive(Clone, PartialEq, Eq)]
pub struct Input(Vec<u8>);

/// Bytes of an input that a failure prints.
const PRINTED: usize = 4_096;

impl Input {
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes as text. What is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The texts between the line feeds, for decoders with several arguments. Absent ones are empty.
    pub fn texts<const N: usize>(&self) -> [String; N] {
        let text = self.text();
        let mut parts = text.splitn(N, '\n');
        std::array::from_fn(|_| parts.next().unwrap_or_default().to_owned())
    }
}

impl Deref for Input {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..PRINTED).unwrap_or(&self.0);
        write!(f, "{} bytes: b\"{}\"", self.0.len(), shown.escape_ascii())
    }
}
