//! `tidegate doctor`: looks at everything that keeps the program from serving, before a first start and when it serves no
//! more. It changes nothing, needs no running server, and may run beside one.
//!
//! Each check is a file. It ends within the deadline or is a finding itself. The exit status is 0 if nothing is wrong, 1 if
//! something must be changed, and 2 if a check could not look.

mod cgroup;
mod clock;
mod database;
mod disk;
mod exposure;
mod finding;
mod keys;
mod limits;
mod mail;
mod operators;
mod ports;
mod postgres;
mod proxy;
mod push;
mod report;
mod schema;
mod settings;
mod sms;
mod sqlite;
mod texts;
mod tls;

use std::{error::Error, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tokio::{task::JoinSet, time::timeout};

use self::{
    finding::{Check, Finding, Level},
    report::Report,
};
use crate::config::{self, Config, Sources};

#[derive(Args)]
pub struct DoctorArgs {
    /// Print one JSON object for machines.
    #[arg(long)]
    json: bool,
    /// Seconds that each check may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

pub fn doctor(sources: &Sources, args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    // One TLS provider for all libraries that bring their own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let report = Report::of(match config::load(sources) {
        Ok(loaded) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            let runtime = runtime.context("failed to start the runtime")?;
            let findings = runtime.block_on(examine(loaded.config, Duration::from_secs(args.timeout)));
            // A file system or a name server that hangs holds a thread, for which nothing waits.
            runtime.shutdown_background();
            findings
        }
        Err(problems) => settings::unreadable(&problems),
    });
    report.print(args.json)?;
    Ok(report.exit_code())
}

/// Runs all checks at once, but for those that need what another one opens.
async fn examine(config: Config, deadline: Duration) -> Vec<Finding> {
    let config = Arc::new(config);
    let mut checks = JoinSet::new();
    checks.spawn(database::look(config.clone(), deadline));
    for (check, look) in [
        (Check::Files, exposure::look as fn(&Config) -> Vec<Finding>),
        (Check::Tls, tls::look),
        (Check::Texts, texts::look),
        (Check::Proxy, proxy::look),
        (Check::Disk, disk::look),
        (Check::Limits, limits::look),
    ] {
        let config = config.clone();
        let looked = async move {
            // Reading files blocks.
            tokio::task::spawn_blocking(move || look(&config)).await.unwrap_or_else(|_| vec![broken(check)])
        };
        checks.spawn(bounded(check, deadline, looked));
    }
    checks.spawn(bounded(Check::Settings, deadline, settings::look(config.clone())));
    checks.spawn(bounded(Check::Mail, deadline, mail::look(config.clone())));
    checks.spawn(bounded(Check::Sms, deadline, sms::look(config.clone())));
    checks.spawn(bounded(Check::Push, deadline, push::look(config.clone())));
    checks.spawn(bounded(Check::Ports, deadline, ports::look(config, deadline)));
    let mut findings = Vec::new();
    while let Some(found) = checks.join_next().await {
        findings.extend(found.unwrap_or_default());
    }
    told_once(findings)
}

/// Without what the check of settings says as another check does, which knows more of it.
fn told_once(findings: Vec<Finding>) -> Vec<Finding> {
    let (settings, mut findings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.check == Check::Settings);
    let is_told =
        |what: &str| findings.iter().any(|other| other.level == Level::Error && other.what.contains(what));
    let settings: Vec<_> = settings.into_iter().filter(|finding| !is_told(&finding.what)).collect();
    findings.extend(settings);
    findings
}

/// A check that hangs is a finding; so is one that panics, which is a fault of the program.
async fn bounded(
    check: Check,
    deadline: Duration,
    look: impl Future<Output = Vec<Finding>> + Send + 'static,
) -> Vec<Finding> {
    match timeout(deadline, tokio::spawn(look)).await {
        Ok(found) => found.unwrap_or_else(|_| vec![broken(check)]),
        Err(_) => vec![hangs(check, deadline)],
    }
}

fn broken(check: Check) -> Finding {
    check.unknown("the check failed by a fault of the program", "report the lines above it")
}

fn hangs(check: Check, deadline: Duration) -> Finding {
    let what = match check {
        Check::Database => "the database did not answer",
        Check::Schema | Check::Clock | Check::Keys | Check::Operators => {
            "the database did not answer the question"
        }
        Check::Mail => "the mail server did not answer",
        Check::Sms => "the SMS gateway did not answer",
        Check::Push => "a push service did not answer",
        Check::Ports => "what listens at the ports did not answer",
        Check::Settings
        | Check::Files
        | Check::Tls
        | Check::Texts
        | Check::Proxy
        | Check::Disk
        | Check::Limits => "a file system did not answer",
    };
    check.error(
        format!("{what} within {} s", deadline.as_secs()),
        "find out why: an overloaded or dead server, a firewall that drops packets, a name server that is away. If it is only \
         slow, give `--timeout` more seconds",
    )
}

/// An error and its causes in one line.
fn story(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| Error::source(cause));
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    // Some errors quote their cause.
    texts.dedup_by(|cause, error| error.contains(cause.as_str()));
    texts.join(": ")
}
