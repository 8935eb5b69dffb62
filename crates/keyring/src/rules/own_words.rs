//! The words that a password must not consist of because an attacker who knows the account tries them first: its
//! address, its name, and the names of what it signs in to.

use tidegate_core::Secret;

use super::folded;

/// Letters of a word that is looked for. Shorter ones are in every password.
const SHORTEST: usize = 3;
/// Letters of a word that are looked at.
const LONGEST: usize = 64;
/// Words that are looked for: the first ones.
const MOST: usize = 128;

/// The first words are those of the account itself.
#[derive(Clone, Default)]
pub struct OwnWords(Vec<String>);

impl OwnWords {
    /// Adds a text: as it is, without what is no letter or digit, the parts of an address, and every word.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        let text = folded(text.trim());
        let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
        let sides = text.rsplit_once('@').map(|(local, domain)| [local.to_owned(), domain.to_owned()]);
        let joined = words.concat();
        for word in [text, joined].into_iter().chain(sides.into_iter().flatten()).chain(words) {
            self.add(word);
        }
        self
    }

    fn add(&mut self, word: String) {
        let word: String = word.chars().take(LONGEST).collect();
        if self.0.len() < MOST && word.chars().count() >= SHORTEST && !self.0.contains(&word) {
            self.0.push(word);
        }
    }

    /// What is left of a password without the words. Short ones stay: they are parts of other words.
    pub(super) fn without(&self, text: &Secret<String>) -> Secret<String> {
        let mut words: Vec<_> = self.0.iter().filter(|word| word.chars().count() > SHORTEST).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Secret::new(words.iter().fold(text.expose().clone(), |text, word| text.replace(word.as_str(), "")))
    }

    pub(super) fn all(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// Addresses and names are a person's, so that they are not printed.
impl std::fmt::Debug for OwnWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} words", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_looked_for_as_a_whole_and_in_parts() {
        let words = OwnWords::default().with("Mara.Meier+news@mail.Example.com");
        let expected = [
            "mara.meier+news@mail.example.com",
            "marameiernewsmailexamplecom",
            "mara.meier+news",
            "mail.example.com",
            "mara",
            "meier",
            "news",
            "mail",
            "example",
            "com",
        ];
        assert_eq!(words.all(), expected);
    }

    #[test]
    fn a_title_is_looked_for_with_and_without_blanks() {
        let words = OwnWords::default().with("Kasa Cam").with("ＫＡＳＡ").with("a b").with("");
        assert_eq!(words.all(), ["kasa cam", "kasacam", "kasa", "cam", "a b"]);
    }

    #[test]
    fn words_are_bounded_in_number_and_length() {
        let long = "x".repeat(1_000);
        let words =
            (0..1_000).fold(OwnWords::default().with(&long), |words, n| words.with(&format!("name{n}")));
        assert_eq!((words.all().len(), words.all()[0].len()), (MOST, LONGEST));
    }
}
