//! The known word that an unknown one may be meant for.

/// The first known word whose part after a dot is the word, else the one with the fewest edits, if less than a third of its
/// letters differ.
pub(crate) fn nearest<'k>(word: &str, mut known: impl Iterator<Item = &'k str> + Clone) -> Option<&'k str> {
    // Longer words are no misspelling, and would cost time.
    if word.len() > 100 {
        return None;
    }
    let part = known.clone().find(|known| known.split_once('.').is_some_and(|(_, part)| part == word));
    if part.is_some() {
        return part;
    }
    let nearest = known.by_ref().map(|known| (edits(word, known), known)).min()?;
    (nearest.0 * 3 < nearest.1.len()).then_some(nearest.1)
}

/// The Levenshtein distance, in bytes.
fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.bytes().enumerate() {
        let mut above = line;
        let mut before = line + 1;
        let mut next = vec![before];
        for (cell, right) in row.iter().skip(1).zip(other.bytes()) {
            let change = above + usize::from(left != right);
            before = change.min(cell + 1).min(before + 1);
            above = *cell;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (one, other, count) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("a.b", "a.b", 0)]
        {
            assert_eq!(edits(one, other), count, "{one} {other}");
        }
    }

    #[test]
    fn a_misspelling_is_near_and_another_word_is_not() {
        let known = ["account.country", "customer.country", "account.label"];
        assert_eq!(nearest("account.contry", known.into_iter()), Some("account.country"));
        assert_eq!(nearest("country", known.into_iter()), Some("account.country"));
        assert_eq!(nearest("age", known.into_iter()), None);
        assert_eq!(nearest("", [].into_iter()), None);
    }
}
