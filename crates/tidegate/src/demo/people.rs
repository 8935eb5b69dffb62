//! Five thousand accounts, as another system would export them.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use tidegate_core::Secret;
use tidegate_keyring::Passwords;

use super::{cast::Demo, teller};
use crate::{ambient::SystemEntropy, import::import_file};

pub const COUNT: usize = 5_000;
/// The password of every account, so that one hash is enough.
pub const PASSWORD: &str = "correct horse battery staple";

pub fn external_id(number: usize) -> String {
    format!("u-{number:05}")
}

pub fn email(external_id: &str) -> String {
    format!("{external_id}@example.com")
}

/// Every fourth address was never verified: enough of them for chance to put one into a wave of 1 %.
pub fn is_verified(number: usize) -> bool {
    !number.is_multiple_of(4)
}

pub async fn import(demo: &Demo) -> anyhow::Result<()> {
    teller::title(&format!("{} accounts, imported from a file", teller::number(COUNT)));
    let file = write(demo).await?;
    let imported = import_file(&demo.admin, &file).await?;
    let response = &imported.response;
    anyhow::ensure!(response.created_count == i64::try_from(COUNT)?, "not all accounts were imported");
    teller::answer(&format!("{} created, {} failed", teller::number(COUNT), response.failed_count));
    let again = import_file(&demo.admin, &file).await?.response;
    anyhow::ensure!(again.unchanged_count == i64::try_from(COUNT)?, "the second run changed something");
    teller::answer(&format!("the same file again: {} unchanged", teller::number(COUNT)));
    Ok(())
}

/// One JSON object a line: `{"external_id": …, "email": …, "email_verified": …, …}`.
async fn write(demo: &Demo) -> anyhow::Result<PathBuf> {
    const COUNTRIES: [&str; 5] = ["DE", "US", "FR", "JP", "BR"];
    let passwords = Passwords::new(1, &SystemEntropy);
    let hash = passwords.hash(&Secret::new(PASSWORD.to_owned()), &SystemEntropy).await;
    let hash = hash.map_err(|_| anyhow::anyhow!("too many hashes at once"))??;
    let path = demo.folder.join("accounts.ndjson");
    let file = std::fs::File::create(&path).context("failed to write the accounts' file")?;
    let mut file = std::io::BufWriter::new(file);
    for (number, country) in (1..=COUNT).zip(COUNTRIES.iter().cycle()) {
        let id = external_id(number);
        let row = serde_json::json!({
            "external_id": id,
            "email": email(&id),
            "email_verified": is_verified(number),
            "country": country,
            "created_at": format!("20{:02}-{:02}-01T00:00:00Z", 10 + number % 12, 1 + number % 12),
            "password_hash": hash,
        });
        writeln!(file, "{row}").context("failed to write the accounts' file")?;
    }
    file.flush().context("failed to write the accounts' file")?;
    Ok(path)
}
