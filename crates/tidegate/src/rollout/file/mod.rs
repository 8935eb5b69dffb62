//! The file of one rollout, in YAML or JSON: what `create`, `apply`, `diff` and `preview` read. It says the whole rollout; a
//! key that is left out has its default, except that the ladder stays as it is without `ladder`.

mod audience;
mod ladder;
mod method_move;
mod node;
mod schedule;
mod share;
#[cfg(test)]
mod tests;
mod time;

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use tidegate_core as core;
use tidegate_proto::{
    self as proto, RolloutUnit, create_rollout_request::Holdout, planned_update, update_rollout_request,
    wave_draft::Edge,
};

use self::{
    audience::parse_audience,
    ladder::parse_ladder,
    method_move::parse_method_move,
    node::{FileFields, FileNode, YamlSource, unknown},
    share::parse_share,
};
pub use self::{
    audience::timestamp,
    ladder::read_ladder,
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

    /// The holdout of an update: without one in the file it is nothing.
    pub fn new_holdout(&self) -> update_rollout_request::Holdout {
        match self.holdout.as_ref().and_then(|share| share.percent.clone()) {
            Some(percent) => update_rollout_request::Holdout::HoldoutPercent(percent),
            None => update_rollout_request::Holdout::HoldoutPpm(self.holdout_ppm()),
        }
    }

    /// The same for a preview.
    pub fn planned_holdout(&self) -> planned_update::Holdout {
        match self.new_holdout() {
            update_rollout_request::Holdout::HoldoutPercent(percent) => {
                planned_update::Holdout::HoldoutPercent(percent)
            }
            update_rollout_request::Holdout::HoldoutPpm(ppm) => planned_update::Holdout::HoldoutPpm(ppm),
        }
    }

    /// Reads a file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &read_text(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let source = YamlSource { path, text };
        let documents = source.documents()?;
        let fields = source.root(&documents)?.fields(&ROLLOUT_KEYS)?;
        let waves = fields.get("waves").map(|node| node.list()).transpose()?.unwrap_or_default();
        Ok(Self {
            key: fields.required("key")?.text()?,
            title: fields.required("title")?.text()?,
            products: fields.required("products")?.texts()?,
            unit: fields.get("unit").map(unit).transpose()?.unwrap_or(RolloutUnit::Account),
            holdout: share(&fields, "holdout", &["holdout_percent"])?,
            allow: named(&fields, "allow")?,
            deny: named(&fields, "deny")?,
            waves: waves.into_iter().map(wave).collect::<Result<_>>()?,
            method: fields.get("method").map(parse_method_move).transpose()?,
            advance_window: fields.get("advance_window").map(schedule::window).transpose()?,
            ladder: fields.get("ladder").map(parse_ladder).transpose()?,
        })
    }

    pub fn create_request(&self, reason: &str, request_id: String) -> proto::CreateRolloutRequest {
        proto::CreateRolloutRequest {
            key: self.key.clone(),
            title: self.title.clone(),
            products: self.products.clone(),
            waves: self.waves.clone(),
            request_id,
            reason: reason.to_owned(),
            unit: self.unit.into(),
            holdout: self.holdout.as_ref().map(|share| match &share.percent {
                Some(percent) => Holdout::HoldoutPercent(percent.clone()),
                None => Holdout::HoldoutPpm(share.ppm),
            }),
            allow_tiny: self.allow_tiny(),
            allow: Some(self.allow.clone()),
            deny: Some(self.deny.clone()),
            method: self.method.clone(),
            advance_window: self.advance_window.clone(),
        }
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

fn wave(node: FileNode<'_>) -> Result<proto::WaveDraft> {
    let fields = node.fields(&WAVE_KEYS)?;
    let Some(share) = share(&fields, "edge", &["edge_percent", "percent"])? else {
        return Err(node.wrong("`edge` is missing"));
    };
    Ok(proto::WaveDraft {
        title: fields.required("title")?.text()?,
        allow_tiny: share.allow_tiny,
        edge: Some(match share.percent {
            Some(percent) => Edge::EdgePercent(percent),
            None => Edge::EdgePpm(share.ppm),
        }),
        products: fields.get("products").map(|node| node.texts()).transpose()?.unwrap_or_default(),
        audience: fields.get("audience").map(parse_audience).transpose()?,
        planned_start: fields.get("planned_start").map(schedule::planned_start).transpose()?,
        soak: fields.get("soak").map(schedule::soak).transpose()?,
        gates: fields.get("gates").map(schedule::gates).transpose()?.unwrap_or_default(),
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
fn share(fields: &FileFields<'_>, key: &str, percent_keys: &[&str]) -> Result<Option<FileShare>> {
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
    let allow_tiny = fields.get("allow_tiny").map(flag).transpose()?.unwrap_or_default();
    Ok(Some(FileShare { ppm: edge.ppm(), percent: Some(text), allow_tiny }))
}

fn flag(node: FileNode<'_>) -> Result<bool> {
    match node.text()?.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(node.wrong("must be `true` or `false`")),
    }
}

fn unit(node: FileNode<'_>) -> Result<RolloutUnit> {
    match node.text()?.as_str() {
        "account" => Ok(RolloutUnit::Account),
        "customer" => Ok(RolloutUnit::Customer),
        other => Err(node.wrong(unknown("`", other, &["account", "customer"]))),
    }
}

fn named(fields: &FileFields<'_>, key: &str) -> Result<proto::NamedAccounts> {
    let Some(node) = fields.get(key) else { return Ok(proto::NamedAccounts::default()) };
    let fields = node.fields(&["accounts", "customers"])?;
    let texts = |key| fields.get(key).map(|node| node.texts()).transpose().map(Option::unwrap_or_default);
    Ok(proto::NamedAccounts { accounts: texts("accounts")?, customers: texts("customers")? })
}
