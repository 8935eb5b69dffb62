//! An audience's tree of tests in words: each test, whether it holds, and what it saw.

use tidegate_core::{Audience, ProductKey, Standing, Test};

use super::account_test;
use crate::audience::test_holds;

/// For example `country is DE: no, the account's is FR; and email address is verified: yes`.
pub fn sentence(audience: &Audience, standing: &Standing, product: &ProductKey) -> String {
    let mut text = String::new();
    Reader { standing, product }.tree(&mut text, audience, Sense::Plain, Depth::Top);
    text
}

/// Whether a test is asked as it is, or negated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    Plain,
    Negated,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Top,
    Nested,
}

/// The words of a list of tests. No call makes an empty list.
struct ListWords {
    between: &'static str,
    empty: &'static str,
}

const ALL: ListWords = ListWords { between: "; and ", empty: "nothing is asked: yes" };
const ANY: ListWords = ListWords { between: "; or ", empty: "nothing is enough: no" };

struct Reader<'a> {
    standing: &'a Standing,
    product: &'a ProductKey,
}

impl Reader<'_> {
    fn tree(&self, sentence: &mut String, audience: &Audience, sense: Sense, depth: Depth) {
        match audience {
            Audience::All(parts) => self.list(sentence, parts, &ALL, sense, depth),
            Audience::Any(parts) => self.list(sentence, parts, &ANY, sense, depth),
            Audience::Not(part) => self.tree(sentence, part, sense.contrary(), depth),
            Audience::Test(test) => sentence.push_str(&self.test(test, sense)),
        }
    }

    /// The list, in brackets when it is a part of another list or negated as a whole.
    fn list(&self, sentence: &mut String, parts: &[Audience], words: &ListWords, sense: Sense, depth: Depth) {
        if let [only] = parts {
            return self.tree(sentence, only, sense, depth);
        }
        let (opening, closing) = match (sense, depth) {
            (Sense::Negated, _) => ("not (", ")"),
            (Sense::Plain, Depth::Nested) => ("(", ")"),
            (Sense::Plain, Depth::Top) => ("", ""),
        };
        sentence.push_str(opening);
        for (place, part) in parts.iter().enumerate() {
            sentence.push_str(if place > 0 { words.between } else { "" });
            self.tree(sentence, part, Sense::Plain, Depth::Nested);
        }
        if parts.is_empty() {
            sentence.push_str(words.empty);
        }
        sentence.push_str(closing);
    }

    fn test(&self, test: &Test, sense: Sense) -> String {
        let asked = account_test::asked(test, self.product, sense);
        let holds = test_holds(test, self.standing, self.product) == (sense == Sense::Plain);
        let answer = if holds { "yes" } else { "no" };
        match account_test::seen(test, self.standing) {
            Some(seen) => format!("{asked}: {answer}, {seen}"),
            None => format!("{asked}: {answer}"),
        }
    }
}

impl Sense {
    const fn contrary(self) -> Self {
        match self {
            Self::Plain => Self::Negated,
            Self::Negated => Self::Plain,
        }
    }
}
