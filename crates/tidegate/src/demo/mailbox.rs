//! The owner's mailbox: the folder that the mails are written to.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};

use super::TIMEOUT;

/// Waits for a mail to the address and returns the token of its link.
pub async fn link(folder: &Path, address: &str) -> anyhow::Result<String> {
    let arrived = async {
        loop {
            if let Some(token) = find(folder, address)? {
                return Ok(token);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let arrived = tokio::time::timeout(TIMEOUT, arrived).await;
    arrived.unwrap_or_else(|_| bail!("no mail to {address} arrived"))
}

fn find(folder: &Path, address: &str) -> anyhow::Result<Option<String>> {
    for entry in std::fs::read_dir(folder).context("failed to look into the mail folder")? {
        let path = entry.context("failed to look into the mail folder")?.path();
        if path.extension().is_none_or(|extension| extension != "eml") {
            continue;
        }
        let mail = std::fs::read_to_string(&path).context("failed to read a mail")?;
        if !mail.lines().any(|line| line.starts_with("To:") && line.contains(address)) {
            continue;
        }
        // Quoted-printable breaks long lines with `=` at their end.
        let mail = mail.replace("=\r\n", "").replace("=\n", "");
        if let Some((_, rest)) = mail.split_once("tgl_") {
            let random: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            return Ok(Some(format!("tgl_{random}")));
        }
    }
    Ok(None)
}
