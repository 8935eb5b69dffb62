//! What was said, in order.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use prost::{Message, Name};
use tidegate_client::Refused;

use crate::text;

#[derive(Default)]
pub struct Transcript(Mutex<String>);

impl Transcript {
    /// What nobody said, and one must know to follow.
    pub fn note(&self, text: &str) {
        self.write(&format!("-- {text}"));
    }

    /// `actor: Method {what}`.
    pub fn ask(&self, actor: &str, method: &str, what: &str) {
        self.write(&format!("{actor}: {method} {what}"));
    }

    pub fn answer<M: Message + Name>(&self, answer: &Result<M, Refused>) {
        match answer {
            Ok(message) => self.write(&format!("  OK {}", text::of(message))),
            Err(refused) => self.write(&refusal(refused)),
        }
    }

    pub fn told(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, line: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(told, "{line}").unwrap();
    }
}

/// One line, and one more for each thing that came with it.
pub fn refusal(refused: &Refused) -> String {
    let mut told = format!("  {:?} {}: {}", refused.code, refused.name(), refused.message);
    for (key, value) in &refused.metadata {
        write!(told, "\n    {key} = {value}").unwrap();
    }
    for wrong in &refused.violations {
        write!(told, "\n    {} {}", wrong.field, wrong.description).unwrap();
    }
    if let Some(after) = refused.retry_after {
        write!(told, "\n    again in {after:?}").unwrap();
    }
    told
}
