//! The file of one rollout, in YAML or JSON: what `create`, `apply`, `diff` and `preview` read. It says the whole rollout; a
//! key that is left out has its default, except that the ladder stays as it is without `ladder`.

mod audience;
mod ladder;
mod node;
mod schedule;
mod share;
#[cfg(test)]
mod tests;
mod time;

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use tidegate_proto::{self as proto, RolloutUnit};

use self::{
    audience::parse_audience,
    ladder::parse_ladder,
    node::{FileFields, FileNode, YamlSource, unknown},
    share::parse_share,
};
pub use self::{audience::timestamp, ladder::read_ladder, share::percent};
use crate::failure::Usage;

const ROLLOUT_KEYS: [&str; 10] =
    ["key", "title", "products", "unit", "holdout", "allow", "deny", "advance_window", "waves", "ladder"];

/// A rollout as a file says it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRollout {
    pub key: String,
    pub title: String,
    pub products: Vec<String>,
    pub unit: RolloutUnit,
    pub holdout_ppm: u32,
    pub allow: proto::NamedAccounts,
    pub deny: proto::NamedAccounts,
    pub waves: Vec<proto::WaveDraft>,
    pub advance_window: Option<proto::AdvanceWindow>,
    /// `None`: the ladder stays as it is, because `rollout ladder set` may have another file for it.
    pub ladder: Option<Vec<proto::LadderRule>>,
}

impl PlannedRollout {
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
            holdout_ppm: fields.get("holdout").map(|node| share("holdout", node)).transpose()?.unwrap_or(0),
            allow: named(&fields, "allow")?,
            deny: named(&fields, "deny")?,
            waves: waves.into_iter().map(wave).collect::<Result<_>>()?,
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
            holdout_ppm: self.holdout_ppm,
            allow: Some(self.allow.clone()),
            deny: Some(self.deny.clone()),
            method: None,
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
    let keys = ["title", "edge", "products", "audience", "planned_start", "soak", "gates"];
    let fields = node.fields(&keys)?;
    Ok(proto::WaveDraft {
        title: fields.required("title")?.text()?,
        edge_ppm: share("edge", fields.required("edge")?)?,
        products: fields.get("products").map(|node| node.texts()).transpose()?.unwrap_or_default(),
        audience: fields.get("audience").map(parse_audience).transpose()?,
        planned_start: fields.get("planned_start").map(schedule::planned_start).transpose()?,
        soak: fields.get("soak").map(schedule::soak).transpose()?,
        gates: fields.get("gates").map(schedule::gates).transpose()?.unwrap_or_default(),
    })
}

fn share(key: &str, node: FileNode<'_>) -> Result<u32> {
    let share = parse_share(&node.text()?);
    let must = format!("`{key}` must be a share from 0 to 100 % with its unit: `5 %`, `0.5 %` or `5000 ppm`");
    share.ok_or_else(|| node.wrong(must))
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
