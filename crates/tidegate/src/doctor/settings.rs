//! Whether the settings are sound, as `tidegate config check` says it; and what `serve` warns of.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    broken,
    finding::{Check, Finding},
};
use crate::{
    check_settings::check_settings,
    config::{Config, Problems},
    files::Files,
    mail, receipts,
};

const CHECK: Check = Check::Settings;

/// The settings cannot be read, so nothing else was looked at.
pub(super) fn unreadable(problems: &Problems) -> Vec<Finding> {
    let text = problems.to_string();
    text.lines()
        .map(|problem| CHECK.error(problem, "correct it; nothing else was looked at meanwhile"))
        .collect()
}

pub(super) async fn look(config: Arc<Config>) -> Vec<Finding> {
    let checked = config.clone();
    // Reading files blocks.
    let checked = tokio::task::spawn_blocking(move || {
        Handle::current()
            .block_on(check_settings(&checked, Files::Here))
            .map_err(|error| format!("{error:#}"))
    });
    let problems = match checked.await {
        Ok(checked) => checked.err().unwrap_or_default(),
        Err(_) => return vec![broken(CHECK)],
    };
    let error = |problem| CHECK.error(problem, "correct the setting: `serve` does not start with it");
    let mut found: Vec<_> = problems.lines().map(error).collect();
    if mail::is_in_the_clear(&config) {
        found.push(CHECK.warning(
            "smtp.tls is none: mails, and the codes in them, cross the network in clear",
            "set smtp.tls to starttls or implicit, unless the mail server is on this machine",
        ));
    }
    let receipts = receipts::address(&config).ok().flatten();
    if receipts.is_some_and(|address| !address.ip().is_loopback()) {
        found.push(CHECK.warning(
            "receipts are taken without TLS beyond this machine: their token crosses the network in clear",
            "put a proxy that adds TLS in front of sms_receipts.listen",
        ));
    }
    if found.is_empty() {
        found.push(CHECK.ok("the settings are sound"));
    }
    found
}
