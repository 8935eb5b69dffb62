//! `tidegate accounts import`: reads accounts from a file of JSON objects, one a line, and streams them
//! to a running server. A bad line is reported; the good ones are kept.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tidegate_client::Client;
use tidegate_core::Timestamp;
use tidegate_proto as proto;

use crate::server::Server;

#[derive(Args)]
pub struct Import {
    /// The file; `-` reads standard input.
    file: PathBuf,
    #[command(flatten)]
    server: Server,
}

/// One line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    external_id: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    country: String,
    #[serde(default)]
    customer: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// RFC 3339.
    created_at: Option<String>,
    #[serde(default)]
    password_hash: String,
}

pub async fn import(import: Import) -> anyhow::Result<ExitCode> {
    let client = import.server.connect().await?;
    let imported = import_file(&client, &import.file).await?;
    imported.say();
    Ok(if imported.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of a file.
pub struct ImportedFile {
    pub response: proto::ImportAccountsResponse,
    /// Lines that were no account, and why.
    unreadable: Vec<(u64, String)>,
}

impl ImportedFile {
    fn failed(&self) -> i64 {
        self.response.failed_count.saturating_add(i64::try_from(self.unreadable.len()).unwrap_or(i64::MAX))
    }

    fn say(&self) {
        let mut reports: Vec<(u64, String)> = self.unreadable.clone();
        let report = |report: &proto::ImportReport| {
            (report.line, format!("{}: {} {}", report.external_id, report.field, report.description))
        };
        reports.extend(self.response.reports.iter().map(report));
        reports.sort();
        for (line, what) in &reports {
            eprintln!("line {line}: {what}");
        }
        let (created, unchanged) = (self.response.created_count, self.response.unchanged_count);
        println!("{created} created, {unchanged} unchanged, {} not imported", self.failed());
    }
}

pub async fn import_file(client: &Client, path: &Path) -> anyhow::Result<ImportedFile> {
    let total = if path == Path::new("-") { None } else { Some(lines(path)?.count()) };
    let bar = total.map_or_else(ProgressBar::new_spinner, |total| {
        ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX)).with_style(style())
    });
    let mut unreadable = Vec::new();
    let mut broken = None;
    let rows = lines(path)?.zip(1_u64..).map_while(|(line, number)| match line {
        Ok(line) => Some((line, number)),
        Err(error) => {
            broken = Some(error);
            None
        }
    });
    let rows = rows.filter(|(line, _)| !line.trim_ascii().is_empty());
    let rows = rows.filter_map(|(line, number)| match row(&line, number) {
        Ok(row) => Some(row),
        Err(what) => {
            unreadable.push((number, what));
            None
        }
    });
    let response = client.import_accounts(rows, |count| bar.inc(u64::try_from(count).unwrap_or(0))).await?;
    bar.finish_and_clear();
    match broken {
        None => Ok(ImportedFile { response, unreadable }),
        Some(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

fn lines(path: &Path) -> anyhow::Result<Box<dyn Iterator<Item = std::io::Result<Vec<u8>>> + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin()).split(b'\n')));
    }
    let file = File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
    Ok(Box::new(BufReader::new(file).split(b'\n')))
}

/// A line as a row of the contract, or what is wrong with it.
fn row(line: &[u8], number: u64) -> Result<proto::ImportRow, String> {
    // serde's own position counts within the line; the line's number stands in front of it.
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let created_at = match &line.created_at {
        None => None,
        Some(text) => {
            let at = Timestamp::from_rfc3339(text);
            Some(at.ok_or("created_at must be RFC 3339, for example 2021-12-06T00:00:00Z")?)
        }
    };
    let create_time = created_at.map(|at| tidegate_proto::Timestamp {
        seconds: at.unix_seconds(),
        nanos: i32::try_from(at.unix_micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    });
    Ok(proto::ImportRow {
        line: number,
        external_id: line.external_id,
        email: line.email,
        email_verified: line.email_verified,
        country: line.country,
        customer: line.customer,
        labels: line.labels,
        create_time,
        password_hash: line.password_hash,
    })
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("  importing {bar:40} {pos}/{len} accounts");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_what_is_wrong_is_said() {
        let read = row(br#"{"external_id": "u-1", "created_at": "1970-01-01T00:00:01.5Z"}"#, 7).unwrap();
        assert_eq!((read.line, read.external_id.as_str()), (7, "u-1"));
        let at = read.create_time.unwrap();
        assert_eq!((at.seconds, at.nanos), (1, 500_000_000));
        let wrong = |line: &str| row(line.as_bytes(), 1).unwrap_err();
        assert!(wrong(r#"{"external_id": "u-1", "emial": "x"}"#).contains("unknown field `emial`"));
        assert!(wrong(r#"{"external_id": "u-1", "created_at": "yesterday"}"#).contains("RFC 3339"));
        assert!(wrong("not json").contains("expected"));
        assert!(row(b"{\"external_id\": \"\xff\"}", 1).unwrap_err().contains("unicode"));
    }
}
