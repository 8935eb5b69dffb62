//! The file of one rollout, in YAML or JSON: what `create`, `apply`, `diff` and `preview` read. It says the whole rollout; a
//! key that is left out has its default, except that the ladder stays as it is without `ladder`.

mod audience;
mod ladder;
mod lines;
mod method_move;
mod node;
mod schedule;
mod share;
#[cfg(test)]
mod tests;
mod time;
mod zone;

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use tidegate_core as core;
use tidegate_proto::{self as proto, RolloutUnit, planned_create, planned_update, wave_draft::Edge};

use self::{
    audience::parse_audience,
    ladder::parse_ladder,
    method_move::parse_method_move,
    node::{FileFields, FileNode, FileRead, Noted, YamlSource, unknown},
    share::parse_share,
};
pub use self::{
    audience::timestamp,
    lines::FilePlaces,
    method_move::{METHODS, described as described_method},
    share::percent,
};
use crate::failure::Usage;

const ROLLOUT_KEYS: [&str; 13] = [
    "key",
    "title",
    "products",
    "unit",
    "holdout",
    "holdout_percent",
    "allow_tiny",
    "allow",
    "deny",
    "advance_window",
    "method",
    "waves",
    "ladder",
];

const WAVE_KEYS: [&str; 10] = [
    "title",
    "edge",
    "edge_percent",
    "percent",
    "allow_tiny",
    "products",
    "audience",
    "planned_start",
    "soak",
    "gates",
];

/// A rollout as a file says it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRollout {
    pub key: String,
    pub title: String,
    pub products: Vec<String>,
    pub unit: RolloutUnit,
    pub holdout: Option<FileShare>,
    pub allow: proto::NamedAccounts,
    pub deny: proto::NamedAccounts,
    pub waves: Vec<proto::WaveDraft>,
    pub advance_window: Option<proto::AdvanceWindow>,
    /// `None`: it brings two-step itself.
    pub method: Option<proto::MethodMove>,
    /// `None`: the ladder stays as it is, because `rollout ladder set` may have another file for it.
    pub ladder: Option<Vec<proto::LadderRule>>,
    pub places: FilePlaces,
}

/// The ladder of a rollout, without the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct LadderFile {
    /// The rollout that the file names.
    pub key: Option<String>,
    pub rules: Vec<proto::LadderRule>,
    pub places: FilePlaces,
}

/// What a file holds.
#[derive(Debug)]
pub enum RolloutFile {
    Whole(Box<PlannedRollout>),
    /// `ladder:` alone, or with the key of its rollout.
    Ladder(LadderFile),
}

/// A share as a file says it.
#[derive(Debug, Clone, PartialEq)]
pub struct FileShare {
    pub ppm: u32,
    /// As it is written, where it is a number of per cent.
    percent: Option<String>,
    /// A share below 0.1 % is meant.
    allow_tiny: bool,
}

impl PlannedRollout {
    pub fn holdout_ppm(&self) -> u32 {
        self.holdout.as_ref().map_or(0, |share| share.ppm)
    }

    pub fn allow_tiny(&self) -> bool {
        self.holdout.as_ref().is_some_and(|share| share.allow_tiny)
    }

    fn percent(&self) -> Option<String> {
        self.holdout.as_ref().and_then(|share| share.percent.clone())
    }

    /// The holdout of an update: without one in the file it is nothing.
    fn new_holdout(&self) -> planned_update::Holdout {
        match self.percent() {
            Some(percent) => planned_update::Holdout::HoldoutPercent(percent),
            None => planned_update::Holdout::HoldoutPpm(self.holdout_ppm()),
        }
    }

    /// Reads a file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Self> {
        match RolloutFile::read(path)? {
            RolloutFile::Whole(file) => Ok(*file),
            RolloutFile::Ladder(LadderFile { key, .. }) => {
                let (key, path) = (key.unwrap_or_else(|| "KEY".to_owned()), path.display());
                let text = format!(
                    "{path} holds a ladder alone; `tidegate rollout ladder set {key} -f {path}` sets it"
                );
                Err(Usage::new(text).into())
            }
        }
    }

    #[cfg(test)]
    fn parse(path: &Path, text: &str) -> Result<Self> {
        let source = YamlSource::new(path, text);
        let documents = source.documents()?;
        let root = source.root(&documents)?;
        source.finish(Self::of(path, root))
    }

    fn of(path: &Path, root: FileNode<'_>) -> FileRead<Self> {
        let fields = root.fields(&ROLLOUT_KEYS)?;
        let text = |key| fields.need(key, |node| node.text());
        let (key, title) = (text("key"), text("title"));
        let products = fields.need("products", |node| node.texts());
        let unit = fields.read("unit", unit);
        let holdout = share(&fields, "holdout", &["holdout_percent"]);
        let (allow, deny) = (named(&fields, "allow"), named(&fields, "deny"));
        let waves = fields.read("waves", |node| node.each(wave));
        let method = fields.read("method", parse_method_move);
        let advance_window = fields.read("advance_window", schedule::window);
        let ladder = fields.read("ladder", parse_ladder);
        Ok(Self {
            key: key?,
            title: title?,
            products: products?,
            unit: unit?.unwrap_or(RolloutUnit::Account),
            holdout: holdout?,
            allow: allow?,
            deny: deny?,
            waves: waves?.unwrap_or_default(),
            method: method?,
            advance_window: advance_window?,
            ladder: ladder?,
            places: FilePlaces { path: path.to_owned(), lines: root.lines() },
        })
    }

    pub fn create(&self) -> proto::PlannedCreate {
        proto::PlannedCreate {
            key: self.key.clone(),
            title: self.title.clone(),
            products: self.products.clone(),
            waves: self.waves.clone(),
            unit: self.unit.into(),
            holdout: self.holdout.as_ref().map(|share| match &share.percent {
                Some(percent) => planned_create::Holdout::HoldoutPercent(percent.clone()),
                None => planned_create::Holdout::HoldoutPpm(share.ppm),
            }),
            allow_tiny: self.allow_tiny(),
            allow: Some(self.allow.clone()),
            deny: Some(self.deny.clone()),
            method: self.method.clone(),
            advance_window: self.advance_window.clone(),
        }
    }

    /// The values of the file for the fields of a mask.
    pub fn update(&self, fields: &[&str]) -> proto::PlannedUpdate {
        let paths = fields.iter().map(ToString::to_string).collect();
        proto::PlannedUpdate {
            title: self.title.clone(),
            products: self.products.clone(),
            holdout: Some(self.new_holdout()),
            allow_tiny: self.allow_tiny(),
            allow: Some(self.allow.clone()),
            deny: Some(self.deny.clone()),
            method: self.method.clone(),
            advance_window: self.advance_window.clone(),
            update_mask: Some(proto::FieldMask { paths }),
        }
    }
}

impl LadderFile {
    /// The ladder of a file for the rollout of that key, whatever else is in the file.
    pub fn read(path: &Path, key: &str) -> Result<Self> {
        let text = read_text(path)?;
        let source = YamlSource::new(path, &text);
        let documents = source.documents()?;
        let root = source.root(&documents)?;
        let file = source.finish(Self::of(path, root))?;
        file.named(Some(key))?;
        Ok(file)
    }

    fn of(path: &Path, root: FileNode<'_>) -> FileRead<Self> {
        let fields = root.fields(&ROLLOUT_KEYS)?;
        let key = fields.read("key", |node| node.text());
        let rules = fields.need("ladder", parse_ladder);
        let places = FilePlaces { path: path.to_owned(), lines: root.lines() };
        Ok(Self { key: key?, rules: rules?, places })
    }

    /// The key of its rollout, which the file or the command line names, and not differently.
    pub fn named(&self, key: Option<&str>) -> Result<String> {
        let path = self.places.path.display();
        match (self.key.as_deref(), key) {
            (Some(named), Some(key)) if named != key => {
                Err(Usage::new(format!("{path} is of `{named}`, and not of `{key}`")).into())
            }
            (Some(key), _) | (None, Some(key)) => Ok(key.to_owned()),
            (None, None) => {
                Err(Usage::new(format!("{path} holds a ladder alone: name its rollout, too")).into())
            }
        }
    }
}

impl RolloutFile {
    /// Reads a file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let source = YamlSource::new(path, &text);
        let documents = source.documents()?;
        let root = source.root(&documents)?;
        if root.has_only("ladder", &["key"]) {
            return source.finish(LadderFile::of(path, root)).map(Self::Ladder);
        }
        source.finish(PlannedRollout::of(path, root)).map(|file| Self::Whole(Box::new(file)))
    }
}

fn read_text(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("failed to read {}", path.display()));
    text.map_err(|error| Usage::new(format!("{error:#}")).into())
}

fn wave(node: FileNode<'_>) -> FileRead<proto::WaveDraft> {
    let fields = node.fields(&WAVE_KEYS)?;
    let edge = share(&fields, "edge", &["edge_percent", "percent"]);
    let edge = edge.and_then(|share| share.map_or_else(|| fields.required("edge").and(Err(Noted)), Ok));
    let title = fields.need("title", |node| node.text());
    let products = fields.read("products", |node| node.texts());
    let audience = fields.read("audience", parse_audience);
    let planned_start = fields.read("planned_start", schedule::planned_start);
    let (soak, gates) = (fields.read("soak", schedule::soak), fields.read("gates", schedule::gates));
    let share = edge?;
    Ok(proto::WaveDraft {
        title: title?,
        allow_tiny: share.allow_tiny,
        edge: Some(match share.percent {
            Some(percent) => Edge::EdgePercent(percent),
            None => Edge::EdgePpm(share.ppm),
        }),
        products: products?.unwrap_or_default(),
        audience: audience?,
        planned_start: planned_start?,
        soak: soak?,
        gates: gates?.unwrap_or_default(),
    })
}

/// The share in parts per million, whichever way it is written.
pub fn edge_ppm(wave: &proto::WaveDraft) -> u32 {
    match &wave.edge {
        Some(Edge::EdgePpm(ppm)) => *ppm,
        // The file was read, so it can be read.
        Some(Edge::EdgePercent(text)) => {
            core::Edge::from_percent(text).map(core::Edge::ppm).unwrap_or_default()
        }
        None => 0,
    }
}

/// A share with its unit under one key, or a bare number of per cent under one of the others.
fn share(fields: &FileFields<'_>, key: &str, percent_keys: &[&str]) -> FileRead<Option<FileShare>> {
    let given = std::iter::once(&key).chain(percent_keys).filter_map(|key| Some((*key, fields.get(key)?)));
    let given: Vec<_> = given.collect();
    let (name, node) = match given.as_slice() {
        [] => return Ok(None),
        [one] => *one,
        [.., (name, node)] => return Err(node.wrong(format!("`{name}` says the share a second time"))),
    };
    let text = node.text()?;
    if name == key {
        let must =
            format!("`{key}` must be a share from 0 to 100 % with its unit: `5 %`, `0.5 %` or `5000 ppm`");
        let ppm = parse_share(&text).ok_or_else(|| node.wrong(must))?;
        // Its unit stands there, so a tiny share is meant.
        return Ok(Some(FileShare { ppm, percent: None, allow_tiny: true }));
    }
    let must = format!("`{name}` must be a number of per cent from 0 to 100: `5` or `0.5`");
    let edge = core::Edge::from_percent(&text).map_err(|_| node.wrong(must))?;
    let allow_tiny = fields.read("allow_tiny", flag)?.unwrap_or_default();
    if edge.is_tiny() && !allow_tiny {
        // It may be a fraction of 1.
        let whole = edge.ppm().checked_mul(100).and_then(|ppm| core::Edge::try_from(ppm).ok());
        let whole = whole.map(|share| format!("write `{name}: {}` for {share}, or ", share.percent()));
        let whole = whole.unwrap_or_else(|| "write ".to_owned());
        return Err(node.wrong(format!(
            "`{name}` is {edge}, less than 0.1 %: {whole}`allow_tiny: true` beside it if so little is meant"
        )));
    }
    Ok(Some(FileShare { ppm: edge.ppm(), percent: Some(text), allow_tiny }))
}

fn flag(node: FileNode<'_>) -> FileRead<bool> {
    match node.text()?.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(node.wrong("must be `true` or `false`")),
    }
}

fn unit(node: FileNode<'_>) -> FileRead<RolloutUnit> {
    match node.text()?.as_str() {
        "account" => Ok(RolloutUnit::Account),
        "customer" => Ok(RolloutUnit::Customer),
        other => Err(node.wrong(unknown("`", other, &["account", "customer"]))),
    }
}

fn named(fields: &FileFields<'_>, key: &str) -> FileRead<proto::NamedAccounts> {
    let Some(node) = fields.get(key) else { return Ok(proto::NamedAccounts::default()) };
    let fields = node.fields(&["accounts", "customers"])?;
    let texts = |key| fields.read(key, |node| node.texts()).map(Option::unwrap_or_default);
    let (accounts, customers) = (texts("accounts"), texts("customers"));
    Ok(proto::NamedAccounts { accounts: accounts?, customers: customers? })
}
