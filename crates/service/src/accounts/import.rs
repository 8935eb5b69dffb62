//! Imports accounts: one message of rows, one transaction. Good rows are kept, bad ones reported; a
//! row that was imported before changes nothing, whether it says the same or not.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, Contact, Country, CustomerKey, Email, ExternalId, Fact, Labels, Permission,
    Timestamp,
};
use tidegate_keyring::SealContext;
use tidegate_store::{Tx, accounts, customers, passwords};

use crate::{Command, CommandContext, Error, Fault, idempotency::outcomes, times};

/// Rows of one message.
pub const MAX_ROWS: usize = 500;

#[derive(Clone)]
pub struct ImportAccounts {
    pub rows: Vec<ImportRow>,
    /// How many rows of the same message were not well-formed, and all that was wrong with them.
    pub malformed_rows: i64,
    pub malformed: Vec<ImportReport>,
}

/// Holds a password hash: no `Debug`.
#[derive(Clone, Serialize)]
pub struct ImportRow {
    /// The caller's own number of the row; not part of its content.
    #[serde(skip)]
    pub line: u64,
    pub external_id: ExternalId,
    pub email: Option<Email>,
    pub email_verified: bool,
    pub country: Option<Country>,
    /// Left out of the content when there is none, as rows were digested before there were customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerKey>,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    pub created_at: Option<Timestamp>,
    /// A PHC string that `keyring` adopted.
    pub password_hash: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportReport {
    pub line: u64,
    pub external_id: String,
    pub problem: ImportProblem,
    pub field: String,
    pub description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportProblem {
    Malformed,
    Differs,
    EmailTaken,
    CustomerNotFound,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Imported {
    pub created: i64,
    pub unchanged: i64,
    pub failed: i64,
    pub reports: Vec<ImportReport>,
}

outcomes!(Imported);

enum Row {
    Created,
    Unchanged,
    Failed(ImportProblem, &'static str, &'static str),
}

impl Command for ImportAccounts {
    const NAME: &'static str = "import_accounts";
    const PERMISSION: Permission = Permission::AccountsImport;
    type Outcome = Imported;

    async fn run(mut self, cx: &CommandContext) -> Result<Imported, Error> {
        // In one order, whatever the file's: two imports of the same rows wait for each other, and never
        // in a circle.
        self.rows.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        cx.idempotent(async |tx| {
            let mut imported =
                Imported { failed: self.malformed_rows, reports: self.malformed, ..Imported::default() };
            for row in &self.rows {
                match import(cx, tx, row).await? {
                    Row::Created => imported.created += 1,
                    Row::Unchanged => imported.unchanged += 1,
                    Row::Failed(problem, field, description) => {
                        imported.failed += 1;
                        imported.reports.push(ImportReport {
                            line: row.line,
                            external_id: row.external_id.to_string(),
                            problem,
                            field: field.to_owned(),
                            description: description.to_owned(),
                        });
                    }
                }
            }
            imported.reports.sort_by_key(|report| report.line);
            Ok(imported)
        })
        .await
    }
}

async fn import(cx: &CommandContext, tx: &mut Tx, row: &ImportRow) -> Result<Row, Fault> {
    // Keyed, because a row holds a password hash.
    let context = SealContext::ImportRow { realm: cx.realm() };
    let content = serde_json::to_vec(row)?;
    let (id, now) = (cx.new_id(), cx.now());
    let created_at = row.created_at.unwrap_or(now);
    if !times::is_past(created_at, now) {
        return Ok(Row::Failed(ImportProblem::Malformed, "create_time", times::PAST));
    }
    let account = Account {
        id,
        external_id: Some(row.external_id.clone()),
        contact: row.email.clone().map(|email| Contact {
            email,
            since: created_at,
            verified_at: row.email_verified.then_some(created_at),
        }),
        country: row.country.clone(),
        customer: row.customer.clone(),
        labels: row.labels.clone(),
        state: AccountState::Active,
        two_step_since: None,
        personal_key: cx.keyring().new_personal_key(cx.realm(), id, cx.entropy())?,
        created_at,
    };
    if let Some(customer) = &row.customer
        && customers::find(tx, customer).await?.is_none()
    {
        return Ok(Row::Failed(ImportProblem::CustomerNotFound, "customer", "names no customer"));
    }
    let digest = cx.keyring().digest(&context, &content)?;
    if accounts::insert(tx, &account, Some(digest)).await? {
        if let Some(hash) = &row.password_hash {
            passwords::insert(tx, account.id, hash.clone(), now).await?;
        }
        cx.event(Fact::AccountCreated { imported: true }).of(&account).record(tx).await?;
        return Ok(Row::Created);
    }
    Ok(match accounts::imported(tx, &row.external_id).await? {
        None => Row::Failed(ImportProblem::EmailTaken, "email", "is another account's"),
        Some(accounts::Imported(Some(before))) if cx.keyring().matches(&context, &content, &before)? => {
            Row::Unchanged
        }
        Some(_) => {
            Row::Failed(ImportProblem::Differs, "external_id", "exists with other content; not changed")
        }
    })
}
