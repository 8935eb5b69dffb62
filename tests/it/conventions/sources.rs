//! The sources as the checks read them: code, texts and comments are told apart, and tests are left out.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// One file, as two texts of its length: in each of them everything of another kind is blank.
pub(super) struct Source {
    /// From the top of the repository.
    pub(super) path: String,
    /// Code outside tests.
    pub(super) code: String,
    /// The insides of string literals outside tests.
    pub(super) texts: String,
}

/// A word where it should not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) word: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.word)
    }
}

pub(super) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below a folder of the repository, tests included, in order.
pub(super) fn files(folder: &str) -> Vec<(String, String)> {
    files_ending(folder, &["rs"])
}

/// Every file below a folder whose name ends in one of these.
pub(super) fn files_ending(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![top().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending)) {
                let name = path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The names of all crates, in order.
pub(super) fn crates() -> Vec<String> {
    let crates = fs::read_dir(top().join("crates")).unwrap().map(Result::unwrap);
    let crates = crates.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = crates.map(|folder| folder.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The code of some crates.
pub(super) fn of(crates: &[impl AsRef<str>]) -> Vec<Source> {
    crates.iter().flat_map(|name| sources_of(name.as_ref())).collect()
}

/// A crate's code, with its build script and without its tests.
fn sources_of(name: &str) -> Vec<Source> {
    let files = files(&format!("crates/{name}")).into_iter();
    let ours = files.filter(|(path, _)| !path.contains("/tests/") && !path.ends_with("/tests.rs"));
    ours.map(|(path, text)| {
        let (code, texts) = split(&text);
        Source { path, code, texts }
    })
    .collect()
}

/// Where `words` stand in the code. A word that begins or ends like an identifier is found only as a whole.
pub(super) fn in_code(sources: &[Source], words: &[&str]) -> Vec<Finding> {
    let finds = sources.iter().flat_map(|source| words.iter().map(move |word| (source, *word)));
    finds.flat_map(|(source, word)| places(&source.path, &source.code, word)).collect()
}

pub(super) fn places(path: &str, text: &str, word: &str) -> Vec<Finding> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let whole = text.match_indices(word).filter(|(at, _)| {
        let before = part(word.chars().next()) && part(text[..*at].chars().next_back());
        let after = part(word.chars().next_back()) && part(text[at + word.len()..].chars().next());
        !before && !after
    });
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    whole.map(|(at, _)| Finding { path: path.to_owned(), line: line(at), word: word.to_owned() }).collect()
}

enum Piece {
    Code,
    Text,
    Comment,
}

/// (code, texts) of a file.
fn split(file: &str) -> (String, String) {
    let (mut code, mut texts, mut at) = (String::new(), String::new(), 0);
    while at < file.len() {
        let (kind, length) = piece(file, at);
        let taken = &file[at..at + length];
        code.push_str(&if matches!(kind, Piece::Code) { taken.to_owned() } else { blank(taken) });
        texts.push_str(&if matches!(kind, Piece::Text) { taken.to_owned() } else { blank(taken) });
        at += length;
    }
    while let Some(begin) = code.find("#[cfg(test)]") {
        let end = begin + item(&code[begin..]);
        for part in [&mut code, &mut texts] {
            part.replace_range(begin..end, &blank(&part[begin..end]));
        }
    }
    (code, texts)
}

/// A blank text of as many bytes and lines.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// What begins at `at`, and how long it is.
fn piece(file: &str, at: usize) -> (Piece, usize) {
    let rest = &file[at..];
    let upto = |end: &str| rest.find(end).unwrap_or(rest.len());
    if rest.starts_with("//") {
        return (Piece::Comment, upto("\n"));
    }
    if rest.starts_with("/*") {
        return (Piece::Comment, (upto("*/") + 2).min(rest.len()));
    }
    let begins_a_word = !file[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if let Some(length) = raw(rest).filter(|_| begins_a_word) {
        return (Piece::Text, length);
    }
    if let Some(length) = quoted(rest, '"') {
        return (Piece::Text, length);
    }
    // `'` begins a character or a lifetime. Only a character has a closing `'` after its first letter.
    let mut letters = rest.chars().skip(1);
    let letter = (letters.next(), letters.next());
    match quoted(rest, '\'').filter(|_| letter.0 == Some('\\') || letter.1 == Some('\'')) {
        Some(length) => (Piece::Text, length),
        None => (Piece::Code, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

/// `r"…"`, `r#"…"#` and so on.
fn raw(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = rest[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let (open, close) = (prefix.len() + hashes + 1, format!("\"{}", "#".repeat(hashes)));
    Some(open + rest[open..].find(&close)? + close.len())
}

fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let inside = rest.strip_prefix(quote)?.char_indices().find(|(_, letter)| {
        let ends = *letter == quote && !escaped;
        escaped = *letter == '\\' && !escaped;
        ends
    });
    inside.map(|(at, _)| at + 2)
}

/// How long the item is that begins here: to its `;` or to the `}` of its body.
fn item(code: &str) -> usize {
    let mut depth = 0_i32;
    for (at, letter) in code.char_indices() {
        depth += i32::from("([{".contains(letter)) - i32::from(")]}".contains(letter));
        if depth < 0 {
            return at;
        }
        if depth == 0 && (letter == ';' || letter == '}') {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn texts_comments_and_tests_are_no_code() {
    let (code, texts) = split(concat!(
        "fn a<'x>(c: &'x str) { b(\"tokio \\\" // no\", '\\'', '\"', r#\"std::env \" \"#); } // tokio\n",
        "/* tokio\n */ #[cfg(test)]\nmod tests { fn t() { tokio::test(\"no\") } }\n",
        "fn e() { tokio_util(); tokio::spawn() }\n",
    ));
    assert_eq!(code.len(), texts.len());
    assert!(code.contains("fn a<'x>(c: &'x str) { b("), "{code}");
    let lines =
        |text: &str, word: &str| places("f", text, word).iter().map(|found| found.line).collect::<Vec<_>>();
    assert_eq!((lines(&code, "tokio"), lines(&texts, "tokio")), (vec![5], vec![1]));
    assert_eq!((lines(&code, "std::env"), lines(&texts, "std::env")), (vec![], vec![1]));
    assert_eq!((lines(&code, "no"), lines(&texts, "no")), (vec![], vec![1]));
    assert_eq!(lines(&code, ".await"), Vec::<usize>::new());
}
