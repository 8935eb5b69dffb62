//! A value of a YAML file and where it stands, so that every complaint names a line. A reader notes what is wrong and goes on with
//! what follows, so that one run names all flaws.

use std::{cell::RefCell, fmt::Display, path::Path};

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use super::lines::FileLines;
use crate::failure::Usage;

/// The most bytes of a file: a rollout with every list at its limit is smaller.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How alike an unknown key must be to a known one to be taken for it, from 0 to 1.
const ALIKE: f64 = 0.7;

pub struct YamlSource<'s> {
    path: &'s Path,
    text: &'s str,
    /// The line of each flaw, and what is wrong.
    flaws: RefCell<Vec<(usize, String)>>,
}

/// A flaw was noted, so there is no value. The file is refused in the end.
#[derive(Debug)]
pub struct Noted;

/// What comes of a value of the file.
pub type FileRead<T> = Result<T, Noted>;

/// One value of the file.
#[derive(Clone, Copy)]
pub struct FileNode<'s> {
    source: &'s YamlSource<'s>,
    yaml: &'s MarkedYaml<'s>,
}

/// The pairs of a mapping, each with a known key.
pub struct FileFields<'s> {
    mapping: FileNode<'s>,
    pairs: Vec<(&'static str, FileNode<'s>)>,
    /// Keys that an unknown one was taken for: they are not said to be missing.
    misspelt: Vec<&'static str>,
}

impl<'s> YamlSource<'s> {
    pub const fn new(path: &'s Path, text: &'s str) -> Self {
        Self { path, text, flaws: RefCell::new(Vec::new()) }
    }

    pub fn documents(&self) -> anyhow::Result<Vec<MarkedYaml<'s>>> {
        if self.text.len() > MAX_BYTES {
            return Err(Usage::new(format!("{} is too large for a rollout", self.path.display())).into());
        }
        let loaded = MarkedYaml::load_from_str(self.text);
        loaded.map_err(|error| self.wrong(error.marker().line(), error.info()))
    }

    /// The only document.
    pub fn root(&'s self, documents: &'s [MarkedYaml<'s>]) -> anyhow::Result<FileNode<'s>> {
        match documents {
            [yaml] => Ok(FileNode { source: self, yaml }),
            [] => Err(self.wrong(1, "there is nothing in it")),
            [_, second, ..] => Err(self.wrong(second.span.start.line(), "a file holds one rollout")),
        }
    }

    /// What was read, or every flaw, one a line.
    pub fn finish<T>(&self, read: FileRead<T>) -> anyhow::Result<T> {
        let mut flaws = self.flaws.borrow().clone();
        match read {
            Ok(read) if flaws.is_empty() => Ok(read),
            _ => {
                // Those of one line stay in the order in which they were found.
                flaws.sort_by_key(|(line, _)| *line);
                let lines = flaws.iter().map(|(line, what)| self.line(*line, what));
                Err(Usage::new(lines.collect::<Vec<_>>().join("\n")).into())
            }
        }
    }

    fn wrong(&self, line: usize, what: impl Display) -> anyhow::Error {
        Usage::new(self.line(line, what)).into()
    }

    fn line(&self, line: usize, what: impl Display) -> String {
        format!("{}: line {line}: {what}", self.path.display())
    }
}

impl<'s> FileNode<'s> {
    /// Notes what is wrong with it.
    pub fn wrong(&self, what: impl Display) -> Noted {
        self.source.flaws.borrow_mut().push((self.yaml.span.start.line(), what.to_string()));
        Noted
    }

    pub fn fields(&self, known: &[&'static str]) -> FileRead<FileFields<'s>> {
        let YamlData::Mapping(mapping) = &self.yaml.data else {
            return Err(self.wrong(format!("must have keys: {}", known.join(", "))));
        };
        let (mut pairs, mut misspelt) = (Vec::new(), Vec::new());
        for (key, value) in mapping {
            let key = FileNode { source: self.source, yaml: key };
            let name = key.scalar().unwrap_or_default();
            if let Some(known) = known.iter().find(|known| **known == name) {
                pairs.push((*known, FileNode { source: self.source, yaml: value }));
            } else {
                misspelt.extend(nearest(&name, known));
                key.wrong(unknown("`", &name, known));
            }
        }
        Ok(FileFields { mapping: *self, pairs, misspelt })
    }

    /// Whether it is a mapping with this key, and with no other but these.
    pub fn has_only(&self, key: &str, others: &[&str]) -> bool {
        let YamlData::Mapping(mapping) = &self.yaml.data else { return false };
        let names = mapping.iter().map(|(key, _)| FileNode { source: self.source, yaml: key }.scalar());
        let names: Vec<_> = names.map(Option::unwrap_or_default).collect();
        names.iter().any(|name| name == key)
            && names.iter().all(|name| name == key || others.contains(&name.as_str()))
    }

    fn list(&self) -> FileRead<Vec<FileNode<'s>>> {
        let YamlData::Sequence(items) = &self.yaml.data else { return Err(self.wrong("must be a list")) };
        Ok(items.iter().map(|yaml| FileNode { source: self.source, yaml }).collect())
    }

    /// Every item of a list, read.
    pub fn each<T>(&self, read: impl FnMut(FileNode<'s>) -> FileRead<T>) -> FileRead<Vec<T>> {
        let items: Vec<_> = self.list()?.into_iter().map(read).collect();
        items.into_iter().collect()
    }

    pub fn text(&self) -> FileRead<String> {
        self.scalar().ok_or_else(|| self.wrong("must be a text"))
    }

    pub fn texts(&self) -> FileRead<Vec<String>> {
        self.each(|node| node.text())
    }

    /// Where every value stands.
    pub fn lines(&self) -> FileLines {
        let child = |yaml| FileNode { source: self.source, yaml }.lines();
        let (mut keys, mut items) = (Vec::new(), Vec::new());
        match &self.yaml.data {
            YamlData::Mapping(mapping) => {
                for (key, value) in mapping {
                    let name = FileNode { source: self.source, yaml: key }.scalar().unwrap_or_default();
                    keys.push((name, FileLines { line: key.span.start.line(), ..child(value) }));
                }
            }
            YamlData::Sequence(sequence) => items.extend(sequence.iter().map(child)),
            _ => {}
        }
        let text = self.scalar().unwrap_or_default();
        FileLines { line: self.yaml.span.start.line(), text, keys, items }
    }

    /// A text as it is written: `007` stays `007`, although it is a number in YAML.
    fn scalar(&self) -> Option<String> {
        match &self.yaml.data {
            YamlData::Value(Scalar::Null) => None,
            YamlData::Value(Scalar::String(text)) => Some(text.clone().into_owned()),
            YamlData::Value(_) => {
                let (start, end) = (self.yaml.span.start.index(), self.yaml.span.end.index());
                let raw = self.source.text.chars().skip(start).take(end.saturating_sub(start));
                Some(raw.collect::<String>().trim().to_owned())
            }
            _ => None,
        }
    }
}

impl<'s> FileFields<'s> {
    /// `None`: it is left out, or has no value.
    pub fn get(&self, key: &str) -> Option<FileNode<'s>> {
        let node = self.pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
        node.filter(|node| !matches!(node.yaml.data, YamlData::Value(Scalar::Null)))
    }

    pub fn required(&self, key: &str) -> FileRead<FileNode<'s>> {
        match self.get(key) {
            Some(node) => Ok(node),
            None if self.misspelt.contains(&key) => Err(Noted),
            None => Err(self.mapping.wrong(format!("`{key}` is missing"))),
        }
    }

    /// The value of a key that may be left out.
    pub fn read<T>(&self, key: &str, read: impl FnOnce(FileNode<'s>) -> FileRead<T>) -> FileRead<Option<T>> {
        self.get(key).map(read).transpose()
    }

    /// The value of a key that may not.
    pub fn need<T>(&self, key: &str, read: impl FnOnce(FileNode<'s>) -> FileRead<T>) -> FileRead<T> {
        self.required(key).and_then(read)
    }

    /// The keys that have a value.
    pub fn keys(&self) -> Vec<&'static str> {
        self.pairs.iter().map(|(key, _)| *key).filter(|key| self.get(key).is_some()).collect()
    }
}

/// The known word that another one may be meant for.
fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let alike = |known: &&&'static str| strsim::jaro_winkler(word, known);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    nearest.filter(|nearest| alike(nearest) >= ALIKE).copied()
}

/// That a word is not known, and the known one that it may be meant for.
pub fn unknown(quote: &str, word: &str, known: &[&'static str]) -> String {
    let quoted = |word: &str| format!("{quote}{word}{quote}");
    match nearest(word, known) {
        Some(nearest) => format!("{} is not known; did you mean {}?", quoted(word), quoted(nearest)),
        None => format!("{} is not known; known are {}", quoted(word), known.join(", ")),
    }
}
