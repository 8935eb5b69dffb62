//! `tidegate accounts import`: reads accounts from a file of JSON objects, one a line, and streams them
//! to a running server. A bad line is reported; the good ones are kept.

mod lines;
mod row;
mod strict_json;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{BufReader, IsTerminal as _, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tidegate_client::Client;
use tidegate_proto as proto;

use self::{
    lines::{FileLine, LineReader, MAX_LINE_BYTES},
    row::parse_row,
    strict_json::shown,
};
use crate::server::Server;

#[derive(Args)]
pub struct Import {
    /// The file; it may be a pipe, and `-` reads standard input.
    file: PathBuf,
    #[command(flatten)]
    server: Server,
}

/// The most lines that are reported; a file of another format may have millions of bad ones.
const MAX_REPORTED_LINES: usize = 1_000;

/// What came of a file.
pub struct ImportedFile {
    pub response: proto::ImportAccountsResponse,
    unreadable: UnreadableLines,
    /// Why the file was not read to its end. What came before is imported.
    broken: Option<anyhow::Error>,
}

/// Lines that are not an account.
#[derive(Default)]
struct UnreadableLines {
    count: i64,
    /// The first problems, each with its line number.
    reports: Vec<(u64, String)>,
    omitted: i64,
}

pub async fn import(import: Import) -> anyhow::Result<ExitCode> {
    let client = import.server.connect().await?;
    let imported = import_file(&client, &import.file).await?;
    imported.say();
    let whole = imported.is_whole();
    match imported.broken {
        Some(error) => Err(error),
        None => Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

/// Reads the file once, while it is sent.
pub async fn import_file(client: &Client, path: &Path) -> anyhow::Result<ImportedFile> {
    let (input, bar) = open(path)?;
    let mut lines = LineReader::new(BufReader::new(bar.wrap_read(input)));
    let (mut unreadable, mut broken) = (UnreadableLines::default(), None);
    let rows = std::iter::from_fn(|| {
        loop {
            let (number, line) = lines.next_line().unwrap_or_else(|error| {
                broken = Some(error);
                None
            })?;
            match line {
                FileLine::Whole(line) if line.trim_ascii().is_empty() => {}
                FileLine::Whole(line) => match parse_row(&line, number) {
                    Ok(row) => return Some(row),
                    Err(wrong) => unreadable.add(number, wrong),
                },
                FileLine::TooLong => {
                    unreadable.add(number, vec![format!("must have at most {MAX_LINE_BYTES} bytes")]);
                }
            }
        }
    });
    let mut sent = 0;
    let response = client.import_accounts(rows, |count| {
        sent += count;
        bar.set_message(sent.to_string());
    });
    let response = response.await?;
    bar.finish_and_clear();
    let broken =
        broken.map(|error| anyhow::Error::new(error).context(format!("failed to read {}", path.display())));
    Ok(ImportedFile { response, unreadable, broken })
}

/// Progress is shown only on a terminal. The total is known for a file, and not for a pipe.
fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, ProgressBar)> {
    let (input, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin()), None)
    } else {
        let failed = || format!("failed to open {}", path.display());
        let file = File::open(path).with_context(failed)?;
        let about = file.metadata().with_context(failed)?;
        if about.is_dir() {
            bail!("{} is a folder, and not a file of accounts", path.display());
        }
        (Box::new(file), about.is_file().then_some(about.len()))
    };
    let style =
        |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = match size {
        _ if !std::io::stderr().is_terminal() => ProgressBar::hidden(),
        Some(size) => ProgressBar::new(size)
            .with_style(style("  importing {bar:40} {bytes} of {total_bytes}, {msg} accounts sent")),
        None => ProgressBar::new_spinner().with_style(style("  importing: {bytes}, {msg} accounts sent")),
    };
    Ok((input, bar.with_message("0")))
}

impl UnreadableLines {
    fn add(&mut self, number: u64, wrong: Vec<String>) {
        self.count += 1;
        for what in wrong {
            if self.reports.len() < MAX_REPORTED_LINES {
                self.reports.push((number, what));
            } else {
                self.omitted += 1;
            }
        }
    }
}

impl ImportedFile {
    fn failed(&self) -> i64 {
        self.response.failed_count + self.unreadable.count
    }

    /// Whether every row was imported, and with its password.
    fn is_whole(&self) -> bool {
        self.failed() == 0 && self.response.hash_not_adopted_count == 0
    }

    fn say(&self) {
        let mut reports = self.unreadable.reports.clone();
        reports.extend(self.response.reports.iter().map(|report| (report.line, told(report))));
        reports.sort();
        for (line, what) in &reports {
            eprintln!("line {line}: {what}");
        }
        let omitted = self.response.omitted_report_count + self.unreadable.omitted;
        if omitted > 0 {
            eprintln!("{omitted} more reports are left out: correct these, and import the file again");
        }
        let (created, unchanged) = (self.response.created_count, self.response.unchanged_count);
        print!("{created} created, {unchanged} unchanged, {} not imported", self.failed());
        match self.response.hash_not_adopted_count {
            0 => println!(),
            count => println!("; passwords not adopted: {count}"),
        }
    }
}

/// A report of the server, with the field name of the file.
fn told(report: &proto::ImportReport) -> String {
    let field = if report.field == "create_time" { "created_at" } else { &report.field };
    let what = [field, &report.description].join(" ");
    let what = what.trim_start();
    if report.external_id.is_empty() {
        what.to_owned()
    } else {
        format!("{}: {what}", shown(&report.external_id))
    }
}
