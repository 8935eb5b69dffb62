//! A value of a YAML file and where it stands, so that every complaint names a line.

use std::{fmt::Display, path::Path};

use anyhow::Result;
use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use crate::failure::Usage;

/// The most bytes of a file: a rollout with every list at its limit is smaller.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How alike an unknown key must be to a known one to be taken for it, from 0 to 1.
const ALIKE: f64 = 0.7;

pub struct YamlSource<'s> {
    pub path: &'s Path,
    pub text: &'s str,
}

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
}

impl<'s> YamlSource<'s> {
    pub fn documents(&self) -> Result<Vec<MarkedYaml<'s>>> {
        if self.text.len() > MAX_BYTES {
            return Err(Usage::new(format!("{} is too large for a rollout", self.path.display())).into());
        }
        let loaded = MarkedYaml::load_from_str(self.text);
        loaded.map_err(|error| self.wrong(error.marker().line(), error.info()))
    }

    /// The only document.
    pub fn root(&'s self, documents: &'s [MarkedYaml<'s>]) -> Result<FileNode<'s>> {
        match documents {
            [yaml] => Ok(FileNode { source: self, yaml }),
            [] => Err(self.wrong(1, "there is nothing in it")),
            [_, second, ..] => Err(self.wrong(second.span.start.line(), "a file holds one rollout")),
        }
    }

    fn wrong(&self, line: usize, what: impl Display) -> anyhow::Error {
        Usage::new(format!("{}: line {line}: {what}", self.path.display())).into()
    }
}

impl<'s> FileNode<'s> {
    pub fn wrong(&self, what: impl Display) -> anyhow::Error {
        self.source.wrong(self.yaml.span.start.line(), what)
    }

    pub fn fields(&self, known: &[&'static str]) -> Result<FileFields<'s>> {
        let YamlData::Mapping(mapping) = &self.yaml.data else {
            return Err(self.wrong(format!("must have keys: {}", known.join(", "))));
        };
        let mut pairs = Vec::new();
        for (key, value) in mapping {
            let key = FileNode { source: self.source, yaml: key };
            let name = key.scalar().unwrap_or_default();
            let Some(known) = known.iter().find(|known| **known == name) else {
                return Err(key.wrong(unknown("`", &name, known)));
            };
            pairs.push((*known, FileNode { source: self.source, yaml: value }));
        }
        Ok(FileFields { mapping: *self, pairs })
    }

    pub fn list(&self) -> Result<Vec<FileNode<'s>>> {
        let YamlData::Sequence(items) = &self.yaml.data else { return Err(self.wrong("must be a list")) };
        Ok(items.iter().map(|yaml| FileNode { source: self.source, yaml }).collect())
    }

    pub fn text(&self) -> Result<String> {
        self.scalar().ok_or_else(|| self.wrong("must be a text"))
    }

    pub fn texts(&self) -> Result<Vec<String>> {
        self.list()?.iter().map(FileNode::text).collect()
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

    pub fn required(&self, key: &str) -> Result<FileNode<'s>> {
        self.get(key).ok_or_else(|| self.mapping.wrong(format!("`{key}` is missing")))
    }

    /// The keys that have a value.
    pub fn keys(&self) -> Vec<&'static str> {
        self.pairs.iter().map(|(key, _)| *key).filter(|key| self.get(key).is_some()).collect()
    }
}

/// That a word is not known, and the known one that it may be meant for.
pub fn unknown(quote: &str, word: &str, known: &[&str]) -> String {
    let alike = |known: &&&str| strsim::jaro_winkler(word, known);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let quoted = |word: &str| format!("{quote}{word}{quote}");
    match nearest.filter(|nearest| alike(nearest) >= ALIKE) {
        Some(nearest) => format!("{} is not known; did you mean {}?", quoted(word), quoted(nearest)),
        None => format!("{} is not known; known are {}", quoted(word), known.join(", ")),
    }
}
