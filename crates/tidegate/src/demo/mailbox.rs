//! The owner's mailbox and phone: the folders that mails and text messages are written to.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use tidegate_core::Secret;

use super::TIMEOUT;

/// Waits for a mail to the address whose link has this word after `#`, and returns the link's token.
pub async fn link(folder: &Path, address: &str, word: &str) -> anyhow::Result<String> {
    // Quoted-printable writes `=` as `=3D`.
    let begins = [format!("#{word}=tgl_"), format!("#{word}=3Dtgl_")];
    let token = |mail: &str| {
        let (_, rest) = begins.iter().find_map(|begin| mail.split_once(begin))?;
        let random: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        Some(format!("tgl_{random}"))
    };
    arrived(folder, address, token).await
}

/// Waits for a mail to the address whose subject begins so.
pub async fn told(folder: &Path, address: &str, subject: &str) -> anyhow::Result<()> {
    let subject = format!("Subject: {subject}");
    let is_it = |mail: &str| mail.lines().any(|line| line.starts_with(&subject)).then_some(());
    arrived(folder, address, is_it).await
}

/// Waits for a mail to the address whose subject begins so, and returns the access pass that it has.
pub async fn pass(folder: &Path, address: &str, subject: &str) -> anyhow::Result<Secret<String>> {
    let subject = format!("Subject: {subject}");
    let pass = |mail: &str| {
        mail.lines().find(|line| line.starts_with(&subject))?;
        let is_pass = |line: &&str| {
            let is_letter = |letter: char| letter == '-' || letter.is_ascii_alphanumeric();
            // Not the line between two parts of the mail, which begins with dashes.
            line.len() > 26 && line.contains('-') && !line.starts_with('-') && line.chars().all(is_letter)
        };
        mail.lines().find(is_pass).map(|pass| Secret::new(pass.to_owned()))
    };
    arrived(folder, address, pass).await
}

/// Waits for a mail to the address whose subject begins so, and returns its code.
pub async fn code(folder: &Path, address: &str, subject: &str) -> anyhow::Result<Secret<String>> {
    let subject = format!("Subject: {subject}");
    let code = |mail: &str| {
        mail.lines().find(|line| line.starts_with(&subject))?;
        let is_code =
            |line: &&str| line.len() == 9 && line.chars().all(|one| one.is_ascii_digit() || one == ' ');
        mail.lines().find(is_code).map(|code| Secret::new(code.to_owned()))
    };
    arrived(folder, address, code).await
}

/// Waits for a text message to the number that has these words, and returns its code.
pub async fn texted(folder: &Path, number: &str, words: &str) -> anyhow::Result<Secret<String>> {
    let code = |message: &str| {
        let text = message.lines().nth(1).filter(|text| text.contains(words))?;
        text.split(' ').next().map(|code| Secret::new(code.to_owned()))
    };
    arrived(folder, number, code).await
}

async fn arrived<T>(folder: &Path, address: &str, find: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
    let arrived = async {
        loop {
            for mail in messages(folder, address)? {
                if let Some(found) = find(&mail) {
                    return Ok(found);
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let arrived = tokio::time::timeout(TIMEOUT, arrived).await;
    arrived.unwrap_or_else(|_| bail!("no message to {address} arrived"))
}

/// The messages to the address or number, decoded as far as links and codes need it.
fn messages(folder: &Path, address: &str) -> anyhow::Result<Vec<String>> {
    let mut mails = Vec::new();
    for entry in std::fs::read_dir(folder).context("failed to look into the folder of messages")? {
        let path = entry.context("failed to look into the folder of messages")?.path();
        if path.extension().is_none_or(|extension| extension != "eml" && extension != "txt") {
            continue;
        }
        let mail = std::fs::read_to_string(&path).context("failed to read a message")?;
        if mail.lines().any(|line| line.starts_with("To:") && line.contains(address)) {
            // Quoted-printable breaks long lines with `=` at their end.
            mails.push(mail.replace("=\r\n", "").replace("=\n", ""));
        }
    }
    Ok(mails)
}
