//! How a row of an import differs from the account that already has its external id.
//!
//! The digest that an import stores decides one thing: whether the row is the one that was
//! imported. The fields that differ are found by comparing the row with the account as it is now.
//! Reports name fields, never values, so that a report cannot leak a password hash (INV-47).

use tidegate_core::{Email, KeyedDigest};
use tidegate_keyring::{SealContext, adoption::is_foreign};
use tidegate_store::accounts::Imported;

use super::import::ImportRow;
use crate::{CommandContext, Fault};

/// Whether the account was imported from a row with the same content.
pub(super) fn is_the_imported_row(
    cx: &CommandContext,
    row: &ImportRow,
    found: &Imported,
) -> Result<bool, Fault> {
    let Some(digest) = &found.digest else { return Ok(false) };
    // The digest covers the address in the canonical form of the time of the import.
    let kept = found.account.contact.as_ref().map(|contact| &contact.email);
    let same = row.email.as_ref().zip(kept).filter(|(said, kept)| said.as_typed() == kept.as_typed());
    let email = same.map(|(_, kept)| kept.clone()).or_else(|| row.email.clone());
    matches(cx, &ImportRow { email, ..row.clone() }, digest)
}

/// The fields in which the row differs from the account. A time of creation that the row leaves out
/// does not differ. Empty: the account is as the row says, whatever it was imported from.
pub(super) fn differing_fields(
    cx: &CommandContext,
    row: &ImportRow,
    found: &Imported,
) -> Result<Vec<String>, Fault> {
    let account = &found.account;
    let contact = account.contact.as_ref();
    let verified = match contact.and_then(|contact| contact.verified_at) {
        None => false,
        Some(at) if at == account.created_at => true,
        // The address was verified by a link after the import. The row cannot know that.
        Some(_) => row.email_verified,
    };
    let labels = row.labels.keys().chain(account.labels.keys());
    let mut labels: Vec<_> =
        labels.filter(|name| row.labels.get(*name) != account.labels.get(*name)).collect();
    labels.sort();
    labels.dedup();
    let email = contact.map(|contact| contact.email.as_typed());
    let differ = [
        ("email", row.email.as_ref().map(Email::as_typed) != email),
        ("email_verified", row.email_verified != verified),
        ("country", row.country != account.country),
        ("customer", row.customer != account.customer),
        ("create_time", row.created_at.is_some_and(|at| at != account.created_at)),
        ("password_hash", has_other_password(cx, row, found)?),
        // The secrets that were imported are sealed, and may have been removed since.
        ("otpauth_uris", !row.otpauth_uris.is_empty() && !was_imported_as_now(cx, row, found)?),
    ];
    let differ = differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    Ok(differ.chain(labels.into_iter().map(|name| format!("labels.{name}"))).collect())
}

/// Whether the row has another password. The first sign-in replaces an imported hash, and then the
/// two hashes cannot be compared. If nothing else of the account has changed, its digest still
/// tells whether the row's hash was imported. Otherwise the password counts as another one.
fn has_other_password(cx: &CommandContext, row: &ImportRow, found: &Imported) -> Result<bool, Fault> {
    Ok(match (row.password.adopted(), &found.hash) {
        (None, None) => false,
        (Some(hash), Some(kept)) if hash.is_kept_as(kept) => false,
        (Some(_), Some(kept)) if !is_foreign(kept) => !was_imported_as_now(cx, row, found)?,
        _ => true,
    })
}

/// Whether the account as it is now, with the password and the secrets of the row, was imported.
fn was_imported_as_now(cx: &CommandContext, row: &ImportRow, found: &Imported) -> Result<bool, Fault> {
    let Some(digest) = &found.digest else { return Ok(false) };
    let account = &found.account;
    let contact = account.contact.as_ref();
    let imported = ImportRow {
        line: row.line,
        external_id: row.external_id.clone(),
        email: contact.map(|contact| contact.email.clone()),
        email_verified: contact.is_some_and(|contact| contact.verified_at == Some(account.created_at)),
        country: account.country.clone(),
        customer: account.customer.clone(),
        labels: account.labels.clone(),
        created_at: Some(account.created_at),
        password: row.password.clone(),
        otpauth_uris: row.otpauth_uris.clone(),
    };
    Ok(matches(cx, &imported, digest)? || matches(cx, &ImportRow { created_at: None, ..imported }, digest)?)
}

fn matches(cx: &CommandContext, row: &ImportRow, digest: &KeyedDigest) -> Result<bool, Fault> {
    let context = SealContext::ImportRow { realm: cx.realm() };
    Ok(cx.keyring().matches(&context, &row.content()?, digest)?)
}
