//! What commands for people print: tables, or the response as JSON or YAML by the contract's JSON names.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use saphyr::{LoadableYamlNode as _, Yaml, YamlEmitter};
use serde::Serialize;
use tidegate_core::{Timestamp, is_readable};

#[derive(Args, Clone, Copy)]
pub struct OutputArgs {
    /// A table to read, or the server's response with the JSON names of its fields.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = OutputFormat::Table)]
    pub format: OutputFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Table,
    Json,
    Yaml,
}

impl OutputArgs {
    /// Prints a response. `table` is asked only where a table is wanted.
    pub fn print<M: Message + Name>(
        self,
        message: &M,
        table: impl FnOnce(&M) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            OutputFormat::Table => print(&table(message)),
            OutputFormat::Json => print(&(json(message)? + "\n")),
            OutputFormat::Yaml => print(&yaml(&json(message)?)?),
        }
    }

    /// The same for what no response holds.
    pub fn print_value<T: Serialize>(
        self,
        value: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            OutputFormat::Table => print(&table(value)),
            OutputFormat::Json => print(&(serde_json::to_string_pretty(value)? + "\n")),
            OutputFormat::Yaml => print(&yaml(&serde_json::to_string_pretty(value)?)?),
        }
    }
}

/// The JSON of the contract, in the order of its fields. Fields with their default are there too, so that scripts find them.
fn json<M: Message + Name>(message: &M) -> anyhow::Result<String> {
    let pool = DescriptorPool::decode(tidegate_proto::DESCRIPTOR_SET)?;
    let descriptor = pool.get_message_by_name(&M::full_name()).context("the contract has no such message")?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut text);
    message.serialize_with_options(&mut serializer, &SerializeOptions::new().skip_default_fields(false))?;
    Ok(String::from_utf8(text)?)
}

/// JSON is YAML, so the same text is read and written in the block style.
fn yaml(json: &str) -> anyhow::Result<String> {
    let documents = Yaml::load_from_str(json)?;
    let mut text = String::new();
    for document in &documents {
        YamlEmitter::new(&mut text).dump(document)?;
    }
    Ok(text.trim_start_matches("---\n").to_owned() + "\n")
}

/// A reader that closes the pipe early, such as `head`, has what it wants.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("failed to print"),
        _ => Ok(()),
    }
}

/// Rows below a header, each column as wide as its widest cell.
pub fn columns(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Text from the wire, without characters that move a terminal's cursor or that a reader does not see.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_readable(c) { c } else { '\u{fffd}' }).collect()
}

/// An instant to the second; nothing where there is none.
pub fn instant(at: Option<&tidegate_proto::Timestamp>) -> String {
    let micros = |at: &tidegate_proto::Timestamp| at.seconds.saturating_mul(1_000_000);
    at.map(|at| Timestamp::from_unix_micros(micros(at)).to_string()).unwrap_or_default()
}

/// A name of an enum of the contract in words: `ROLLOUT_STATE_ROLLED_BACK` is `rolled back`.
pub fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', " ")
}

/// The path of a field with places counted from 1, as people count: `waves[0].title` is `wave 1: title`, where the first place
/// of the path is 0.
pub fn places(field: &str, first: usize) -> String {
    let named = |part: &str| {
        let (list, rest) = part.split_once('[')?;
        let (place, rest) = rest.split_once(']')?;
        let place = place.parse::<usize>().ok()?.checked_sub(first)? + 1;
        let (_, name) = PLACES.into_iter().find(|(known, _)| *known == list)?;
        rest.is_empty().then(|| format!("{name} {place}"))
    };
    let mut text = String::new();
    let mut separator = "";
    for part in field.split('.') {
        let place = named(part);
        let (told, next) = place.map_or_else(|| (part.to_owned(), "."), |told| (told, ": "));
        text = format!("{text}{separator}{told}");
        separator = next;
    }
    plain(&text)
}

const PLACES: [(&str, &str); 4] =
    [("waves", "wave"), ("rules", "rule"), ("phases", "phase"), ("gates", "gate")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_says_what_json_says() {
        let json = r#"{"a": "1", "b": 1, "c": ["no", "2026-01-01", "x: y", "", "line\nbreak", "\"", "~", "0x1"], "d": {}}"#;
        let back = Yaml::load_from_str(&yaml(json).unwrap()).unwrap();
        assert_eq!(back, Yaml::load_from_str(json).unwrap());
    }

    #[test]
    fn places_are_counted_from_1() {
        for (field, first, told) in [
            ("waves[0].edge_percent", 0, "wave 1: edge_percent"),
            ("waves[2].edge_ppm", 1, "wave 2: edge_ppm"),
            ("rules[1].phases[0].local.zone", 0, "rule 2: phase 1: local.zone"),
            ("allow.accounts[3]", 0, "allow.accounts[3]"),
            ("title", 0, "title"),
        ] {
            assert_eq!(places(field, first), told);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["1".to_owned(), "Küche".to_owned()], vec!["10".to_owned(), String::new()]];
        assert_eq!(columns(&["n", "title"], rows), "n   title\n1   Küche\n10\n");
    }
}
