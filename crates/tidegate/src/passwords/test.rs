//! `tidegate passwords test`: says whether a password is in the file. It is read from standard input, because arguments are
//! seen by every user of the machine and are kept by the shell.

use std::{
    io::{BufRead as _, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use tidegate_core::Secret;
use tidegate_keyring::{breached::BreachedPasswords, passwords::MAX_TYPED_BYTES};

#[derive(Args)]
pub struct PasswordsTest {
    /// The file that `tidegate passwords build` made.
    file: PathBuf,
}

pub fn test(asked: PasswordsTest) -> anyhow::Result<ExitCode> {
    let file = BreachedPasswords::open(&asked.file)?;
    let password = read()?;
    let (entries, least) = (file.entries(), file.least_count());
    if file.has(&password)? {
        println!("breached: it is one of {entries} passwords that were counted {least} times or more");
        return Ok(ExitCode::FAILURE);
    }
    println!("not found: it is none of {entries} passwords that were counted {least} times or more");
    Ok(ExitCode::SUCCESS)
}

/// The first line, without its end.
fn read() -> anyhow::Result<Secret<String>> {
    let most = u64::try_from(MAX_TYPED_BYTES).unwrap_or(u64::MAX);
    let mut line = Vec::with_capacity(MAX_TYPED_BYTES + 2);
    let read = std::io::stdin().lock().take(most + 2).read_until(b'\n', &mut line);
    let line = Secret::new(line);
    read.context("failed to read the password")?;
    let text = std::str::from_utf8(line.expose()).context("the password is not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    ensure!(!text.is_empty(), "give the password on standard input");
    Ok(Secret::new(text.to_owned()))
}
