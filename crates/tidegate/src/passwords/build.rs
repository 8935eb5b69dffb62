//! `tidegate passwords build`: makes the file of breached passwords from a list of Have I Been Pwned. The list is read once,
//! from begin to end, and is not held in memory.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use tempfile::NamedTempFile;
use tidegate_keyring::breached::BreachedWriter;

use super::list;

#[derive(Args)]
pub struct PasswordsBuild {
    /// A list of Have I Been Pwned: a file of lines `SHA1:COUNT` ordered by hash, or a folder of its ranges, which are files
    /// named by five hexadecimal digits, of lines `SUFFIX:COUNT`.
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    from: PathBuf,
    /// The file to make. An existing one is replaced when the new one is whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out passwords that were counted less often.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    min_count: u64,
    /// Accept a folder in which ranges are missing. Passwords of these ranges are not found.
    #[arg(long)]
    partial: bool,
}

pub fn build(asked: PasswordsBuild) -> anyhow::Result<ExitCode> {
    let made = write(&asked).with_context(|| format!("failed to make {}", asked.out.display()))?;
    let bytes = fs::metadata(&asked.out)?.len();
    println!("{made} passwords, {bytes} bytes");
    if made == 0 {
        eprintln!("the list holds no password that was counted {} times or more", asked.min_count);
    }
    Ok(ExitCode::SUCCESS)
}

fn write(asked: &PasswordsBuild) -> anyhow::Result<u64> {
    let folder = asked.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    let mut writer = BreachedWriter::new(file.reopen()?, asked.min_count)?;
    let mut add = |hash, count| Ok(writer.add(&hash, count)?);
    if asked.from.is_dir() {
        let missing = list::read_folder(&asked.from, &mut add)?;
        ensure!(
            missing == 0 || asked.partial,
            "{missing} of {} ranges are missing in {}: download the rest, or give --partial",
            list::RANGES,
            asked.from.display()
        );
    } else {
        list::read_file(&asked.from, "", &mut add)?;
    }
    let made = writer.finish()?;
    // It is no secret, and the server may run as another user.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(&asked.out).map_err(|error| error.error)?;
    Ok(made)
}
