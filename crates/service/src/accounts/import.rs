//! Imports accounts: the rows of one message in one transaction. Good rows are imported, bad ones
//! are reported. A row that was imported before changes nothing, whether or not it says the same.
//! An account whose password hash is not adopted is created without a password, and reported too.

use serde::{Deserialize, Serialize, Serializer};
use tidegate_core::{
    Account, AccountId, AccountState, Contact, Country, CustomerKey, Email, ExternalId, Fact, Factor, Labels,
    Permission, Secret, Timestamp,
};
use tidegate_factors::{otpauth, policy::MAX_OF_METHOD};
use tidegate_keyring::{
    SealContext,
    adoption::{AdoptedHash, NotAdopted},
};
use tidegate_store::{Tx, accounts, customers, factors as kept, passwords};

use super::differences::{differing_fields, is_the_imported_row};
use crate::{Command, CommandContext, Error, Fault, Share, factors, idempotency::outcomes, times};

/// Rows of one message.
pub const MAX_ROWS: usize = 500;

#[derive(Clone)]
pub struct ImportAccounts {
    pub rows: Vec<ImportRow>,
    /// How many rows of the same message were malformed, and everything that was wrong with them.
    pub malformed_rows: i64,
    pub malformed: Vec<ImportReport>,
}

/// Holds a password hash and secrets, so it has no `Debug`.
#[derive(Clone, Serialize)]
pub struct ImportRow {
    /// The caller's number of the row. It is not part of the content.
    #[serde(skip)]
    pub line: u64,
    pub external_id: ExternalId,
    pub email: Option<Email>,
    pub email_verified: bool,
    pub country: Option<Country>,
    /// Left out of the content when it is absent, because rows were digested before there were
    /// customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerKey>,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    pub created_at: Option<Timestamp>,
    #[serde(rename = "password_hash", serialize_with = "phc")]
    pub password: ImportPassword,
    /// The secrets of authenticator apps, each as a URI. Left out of the content when there are none.
    #[serde(serialize_with = "exposed", skip_serializing_if = "Vec::is_empty")]
    pub otpauth_uris: Vec<Secret<String>>,
}

/// The password field of a row.
#[derive(Clone)]
pub enum ImportPassword {
    None,
    Adopted(AdoptedHash),
    /// The account is imported without a password, and its row is reported.
    NotAdopted(NotAdopted),
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
    /// The account was imported without a password.
    PasswordNotAdopted,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Imported {
    pub created: i64,
    pub unchanged: i64,
    pub failed: i64,
    /// Rows without an adopted password, among those created and unchanged.
    pub passwords_not_adopted: i64,
    pub reports: Vec<ImportReport>,
}

outcomes!(Imported);

enum RowOutcome {
    Created,
    Unchanged,
    Failed(ImportProblem, &'static str, String),
    /// The row differs from the account that has its external id, in these fields.
    Differs(Vec<String>),
}

impl ImportRow {
    /// The bytes that are digested, to recognise the row in a later import. They must not change,
    /// or rows that were imported before would not be recognised.
    pub(super) fn content(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn report(&self, problem: ImportProblem, field: &str, description: impl ToString) -> ImportReport {
        ImportReport {
            line: self.line,
            external_id: self.external_id.to_string(),
            problem,
            field: field.to_owned(),
            description: description.to_string(),
        }
    }
}

impl ImportPassword {
    pub(super) const fn adopted(&self) -> Option<&AdoptedHash> {
        match self {
            Self::Adopted(hash) => Some(hash),
            Self::None | Self::NotAdopted(_) => None,
        }
    }
}

/// For the content, which is digested and never stored.
fn exposed<S: Serializer>(texts: &[Secret<String>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(Secret::expose))
}

fn phc<S: Serializer>(password: &ImportPassword, serializer: S) -> Result<S::Ok, S::Error> {
    password.adopted().map(AdoptedHash::phc).serialize(serializer)
}

impl Imported {
    fn add(&mut self, row: &ImportRow, outcome: RowOutcome) {
        match outcome {
            RowOutcome::Created => self.created += 1,
            RowOutcome::Unchanged => self.unchanged += 1,
            RowOutcome::Failed(problem, field, description) => {
                self.failed += 1;
                self.reports.push(row.report(problem, field, description));
                return;
            }
            RowOutcome::Differs(fields) => {
                self.failed += 1;
                let differs = "differs from the account, which is not changed";
                let reports = fields.iter().map(|field| row.report(ImportProblem::Differs, field, differs));
                self.reports.extend(reports);
                return;
            }
        }
        if let ImportPassword::NotAdopted(why) = &row.password {
            self.passwords_not_adopted += 1;
            let description = format!("{why}; the account is kept without a password");
            self.reports.push(row.report(ImportProblem::PasswordNotAdopted, "password_hash", description));
        }
    }
}

impl Command for ImportAccounts {
    const NAME: &'static str = "import_accounts";
    const PERMISSION: Permission = Permission::AccountsImport;
    const SHARE: Share = Share::Bulk;
    type Outcome = Imported;

    async fn run(mut self, cx: &CommandContext) -> Result<Imported, Error> {
        // Rows are imported in one order, whatever the file's order. So two imports of the same
        // rows wait for each other, and never deadlock.
        self.rows.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        cx.idempotent(async |tx| {
            let mut imported =
                Imported { failed: self.malformed_rows, reports: self.malformed, ..Imported::default() };
            for row in &self.rows {
                imported.add(row, import(cx, tx, row).await?);
            }
            imported.reports.sort_by_key(|report| report.line);
            Ok(imported)
        })
        .await
    }
}

async fn import(cx: &CommandContext, tx: &mut Tx, row: &ImportRow) -> Result<RowOutcome, Fault> {
    let (id, now) = (cx.new_id(), cx.now());
    let created_at = row.created_at.unwrap_or(now);
    if !times::is_past(created_at, now) {
        return Ok(RowOutcome::Failed(ImportProblem::Malformed, "create_time", times::PAST.to_owned()));
    }
    let factors = match read_factors(cx, row, id) {
        Ok(factors) => factors?,
        Err(why) => return Ok(RowOutcome::Failed(ImportProblem::Malformed, "otpauth_uris", why)),
    };
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
        // Who had a second factor elsewhere keeps it.
        two_step_since: (!factors.is_empty()).then_some(now),
        personal_key: cx.keyring().new_personal_key(cx.realm(), id, cx.entropy())?,
        epoch: 0,
        changes_locked_at: None,
        deleted_at: None,
        check_up_asked_at: None,
        created_at,
    };
    if let Some(customer) = &row.customer
        && customers::find(tx, customer).await?.is_none()
    {
        return Ok(RowOutcome::Failed(
            ImportProblem::CustomerNotFound,
            "customer",
            "names no customer".to_owned(),
        ));
    }
    // The digest is keyed, because a row holds a password hash.
    let digest = cx.keyring().digest(&SealContext::ImportRow { realm: cx.realm() }, &row.content()?)?;
    if accounts::insert(tx, &account, Some(digest)).await? {
        if let Some(hash) = row.password.adopted() {
            passwords::insert(tx, account.id, hash.kept(), now).await?;
        }
        if row.email_verified && account.contact.is_some() {
            kept::insert(tx, &factors::of_verified_address(cx, account.id)).await?;
        }
        cx.event(Fact::AccountCreated { imported: true }).of(&account).record(tx).await?;
        for factor in &factors {
            kept::insert(tx, factor).await?;
            let fact = Fact::FactorActivated { factor: factor.id, method: factor.method };
            cx.event(fact).of(&account).record(tx).await?;
        }
        if account.two_step_since.is_some() {
            cx.event(Fact::TwoStepSwitchedOn {}).of(&account).record(tx).await?;
        }
        return Ok(RowOutcome::Created);
    }
    let Some(found) = accounts::imported(tx, &row.external_id).await? else {
        return Ok(RowOutcome::Failed(ImportProblem::EmailTaken, "email", "is another account's".to_owned()));
    };
    if is_the_imported_row(cx, row, &found)? {
        return Ok(RowOutcome::Unchanged);
    }
    let fields = differing_fields(cx, row, &found)?;
    Ok(if fields.is_empty() { RowOutcome::Unchanged } else { RowOutcome::Differs(fields) })
}

/// The factors of a new account, or what is wrong with the texts.
fn read_factors(
    cx: &CommandContext,
    row: &ImportRow,
    account: AccountId,
) -> Result<Result<Vec<Factor>, Fault>, String> {
    let mut read = Vec::new();
    for text in &row.otpauth_uris {
        read.extend(otpauth::read(text, cx.now()).map_err(|why| why.to_string())?);
    }
    if read.len() > MAX_OF_METHOD {
        return Err(format!("must hold at most {MAX_OF_METHOD} secrets"));
    }
    let factor = |imported: otpauth::Imported| {
        let (id, weak) = (cx.new_id(), imported.bits < otpauth::STRONG);
        let label = if weak { format!("imported, {} bits", imported.bits) } else { "imported".to_owned() };
        Ok(Factor {
            label: label.parse().ok(),
            material: Some(cx.seal_factor(account, id, &imported.material)?),
            mark: imported.mark,
            ..Factor::new(id, account, imported.method, cx.now())
        })
    };
    Ok(read.into_iter().map(factor).collect())
}

#[cfg(test)]
mod tests {
    use tidegate_keyring::adoption::adopt;

    use super::*;

    /// Earlier versions stored digests of these bytes.
    #[test]
    fn the_content_of_a_row_is_what_it_always_was() {
        let phc =
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$E/9XOcEJe3mPXG7g015mjI/Ptw7gpcl7bw+7BNqI9bQ";
        let bare = ImportRow {
            line: 7,
            external_id: "ann".parse().unwrap(),
            email: None,
            email_verified: false,
            country: None,
            customer: None,
            labels: Labels::new(),
            created_at: None,
            password: ImportPassword::NotAdopted(NotAdopted::Algorithm),
            otpauth_uris: Vec::new(),
        };
        let text = |row: &ImportRow| String::from_utf8(row.content().unwrap()).unwrap();
        assert_eq!(
            text(&bare),
            r#"{"external_id":"ann","email":null,"email_verified":false,"country":null,"created_at":null,"password_hash":null}"#
        );
        let hash = adopt(&Secret::new(phc.to_owned())).unwrap_or_else(|why| panic!("{why}"));
        let full = ImportRow {
            email: Some(Email::parse("Ann@example.com").unwrap()),
            email_verified: true,
            country: Some("DE".parse().unwrap()),
            customer: Some("acme".parse().unwrap()),
            labels: [("plan".parse().unwrap(), "pro".parse().unwrap())].into(),
            created_at: Timestamp::from_rfc3339("2019-05-01T12:00:00Z"),
            password: ImportPassword::Adopted(hash),
            ..bare
        };
        let start = r#"{"external_id":"ann","email":{"typed":"Ann@example.com","canonical":"ann@example.com"},"email_verified":true,"#;
        let middle = r#""country":"DE","customer":"acme","labels":{"plan":"pro"},"created_at":"2019-05-01T12:00:00Z","#;
        assert_eq!(text(&full), format!(r#"{start}{middle}"password_hash":"{phc}"}}"#));
    }
}
