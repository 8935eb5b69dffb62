//! The calls and answers of a story, in order. Ids are replaced by numbers in order of appearance, so that a
//! transcript does not depend on random values.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use prost::{Message, Name};
use tidegate_client::Refused;

use crate::text;

/// The example id of the TypeID specification, which belongs to nothing.
const NOBODY: &str = "01h2xcejqtf2nbrexx3vqjhp41";
const DIGITS: usize = 26;

#[derive(Default)]
pub struct Transcript(Mutex<Told>);

#[derive(Default)]
struct Told {
    text: String,
    /// The number of each id, by prefix and digits.
    names: BTreeMap<(String, String), usize>,
}

impl Transcript {
    /// Adds a remark for the reader, which is no call.
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    fn write(&self, line: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = told.named(&without_challenges(line));
        writeln!(told.text, "{line}").unwrap();
    }
}

/// The line without the random challenges of security keys.
fn without_challenges(line: &str) -> String {
    const NAME: &str = r#""challenge":""#;
    let mut parts = line.split(NAME);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (challenge, rest) = part.split_once('"').unwrap_or_default();
        let shown = if challenge.starts_with("chl_") { challenge } else { "…" };
        write!(told, "{NAME}{shown}\"{rest}").unwrap();
    }
    told
}

impl Told {
    /// `acct_01kjpwd6m0e00800000000000a` is `acct_1`, if it is the first account.
    fn named(&mut self, line: &str) -> String {
        let (mut named, mut rest) = (String::new(), line);
        while let Some((before, after)) = rest.split_once('_') {
            named.push_str(before);
            named.push('_');
            rest = after;
            let prefix = before.rsplit(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
            let length = after.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
            let (digits, behind) = after.split_at(length.unwrap_or(after.len()));
            if !prefix.is_empty() && digits.len() == DIGITS && digits != NOBODY {
                let number = self.number(prefix, digits);
                write!(named, "{number}").unwrap();
                rest = behind;
            }
        }
        named + rest
    }

    fn number(&mut self, prefix: &str, digits: &str) -> usize {
        let next = self.names.keys().filter(|(known, _)| known == prefix).count() + 1;
        *self.names.entry((prefix.to_owned(), digits.to_owned())).or_insert(next)
    }
}

/// A refusal as text: one line, and one more for each detail.
pub fn refusal(refused: &Refused) -> String {
    let mut told = format!("  {:?} {}: {}", refused.code, refused.name(), refused.message);
    for (key, value) in &refused.metadata {
        write!(told, "\n    {key} = {value}").unwrap();
    }
    for wrong in &refused.violations {
        write!(told, "\n    {} {}", wrong.field, wrong.description).unwrap();
        if !wrong.code.is_empty() {
            write!(told, " ({})", wrong.code).unwrap();
        }
    }
    if let Some(after) = refused.retry_after {
        write!(told, "\n    again in {after:?}").unwrap();
    }
    told
}

#[test]
fn ids_are_named_as_they_come_up() {
    let mut told = Told::default();
    let (one, other) = ("01kjpwd6m0e00800000000000a", "01kjpwd6m0e00800000000000b");
    let line = format!(
        "a_b acct_{one} {{\"sgn_{one}\"}} acct_{other}, acct_{one} acct_{NOBODY} tgk_{one}_x two_step"
    );
    assert_eq!(
        told.named(&line),
        format!("a_b acct_1 {{\"sgn_1\"}} acct_2, acct_1 acct_{NOBODY} tgk_1_x two_step")
    );
}
