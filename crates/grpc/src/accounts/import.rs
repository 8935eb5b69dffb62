//! `ImportAccounts`: each message of the stream is one command and one transaction. Rows that were
//! imported stay when a later message is refused or the caller hangs up.

use std::sync::Arc;

use tidegate_core::{Caller, Secret};
use tidegate_proto as proto;
use tidegate_service::{
    Command as _, Error, Fault, StoreError,
    accounts::{
        ImportAccounts, ImportPassword, ImportProblem, ImportReport, ImportRow, Imported, MAX_ROWS, adopt,
    },
};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    door::Door,
    form::{Form, Violation},
    status,
};

/// The most reports in one response. External ids are cut, so a report stays far below 1 KiB, and
/// the response below the 4 MiB that clients accept.
const MAX_REPORTS: usize = 1_000;
/// Characters of an external id in a report: the most that a valid one has.
const MAX_REPORTED_ID: usize = 128;

pub(super) async fn import(
    door: &Door,
    request: Request<Streaming<proto::ImportAccountsRequest>>,
) -> Result<Response<proto::ImportAccountsResponse>, Status> {
    let caller = door.enter(request.extensions(), ImportAccounts::PERMISSION)?;
    let mut messages = request.into_inner();
    let mut total = proto::ImportAccountsResponse::default();
    while let Some(message) = messages.message().await? {
        let command = parse(message).map_err(status::invalid)?;
        let imported = carry_out(door, &caller, command).await;
        add(&mut total, imported.map_err(|error| status::of(&door.app, error))?);
    }
    Ok(Response::new(total))
}

/// Runs the command of one message. When two imports deadlock, the database rolls one of them back;
/// that one is retried once.
async fn carry_out(door: &Door, caller: &Arc<Caller>, command: ImportAccounts) -> Result<Imported, Error> {
    door.app.identify_again(caller).await?;
    match door.app.act(caller.clone(), command.clone(), None).await {
        Err(Error::Failed(Fault::Store(StoreError::Undone { name, .. }))) => {
            tracing::warn!(name, "two imports met; one is tried again");
            door.app.act(caller.clone(), command, None).await
        }
        done => done,
    }
}

fn parse(message: proto::ImportAccountsRequest) -> Result<ImportAccounts, Vec<Violation>> {
    if !(1..=MAX_ROWS).contains(&message.rows.len()) {
        return Err(vec![Violation::new("rows", format!("must be 1 to {MAX_ROWS} rows"))]);
    }
    let mut command = ImportAccounts { rows: Vec::new(), malformed_rows: 0, malformed: Vec::new() };
    for mut row in message.rows {
        let (line, password) = (row.line, password(std::mem::take(&mut row.password_hash)));
        let external_id: String = row.external_id.chars().take(MAX_REPORTED_ID).collect();
        let mut form = Form::default();
        let parsed = parse_row(row, &password, &mut form);
        match form.finish(parsed) {
            Ok(row) => command.rows.push(row),
            // One report for each violation, so that the caller can correct all of them at once.
            Err(mut violations) => {
                if let ImportPassword::NotAdopted(why) = password {
                    violations.push(Violation::new("password_hash", why.to_string()));
                }
                command.malformed_rows += 1;
                command.malformed.extend(violations.into_iter().map(|wrong| ImportReport {
                    line,
                    external_id: external_id.clone(),
                    problem: ImportProblem::Malformed,
                    field: wrong.field,
                    description: wrong.what,
                }));
            }
        }
    }
    Ok(command)
}

/// A hash that is not adopted is no violation: its account is imported without a password.
fn password(hash: String) -> ImportPassword {
    if hash.is_empty() {
        return ImportPassword::None;
    }
    adopt(&Secret::new(hash)).map_or_else(ImportPassword::NotAdopted, ImportPassword::Adopted)
}

fn parse_row(row: proto::ImportRow, password: &ImportPassword, form: &mut Form) -> Option<ImportRow> {
    let external_id = form.text("external_id", &row.external_id);
    let email = super::parse::email(form, &row.email);
    let country = form.optional("country", &row.country);
    let customer = form.optional("customer", &row.customer);
    let labels = form.labels(row.labels);
    let created_at = form.time("create_time", row.create_time);
    if row.email_verified && row.email.is_empty() {
        form.note::<()>("email_verified", "must not be set without an email");
    }
    Some(ImportRow {
        line: row.line,
        external_id: external_id?,
        email: email?,
        email_verified: row.email_verified,
        country: country?,
        customer: customer?,
        labels: labels?,
        created_at: created_at?,
        password: password.clone(),
        otpauth_uris: row.otpauth_uris.into_iter().map(Secret::new).collect(),
    })
}

fn add(total: &mut proto::ImportAccountsResponse, imported: Imported) {
    total.created_count += imported.created;
    total.unchanged_count += imported.unchanged;
    total.failed_count += imported.failed;
    total.hash_not_adopted_count += imported.passwords_not_adopted;
    let room = MAX_REPORTS.saturating_sub(total.reports.len());
    let omitted = imported.reports.len().saturating_sub(room);
    total.omitted_report_count += i64::try_from(omitted).unwrap_or(i64::MAX);
    total.reports.extend(imported.reports.into_iter().take(room).map(report));
}

fn report(report: ImportReport) -> proto::ImportReport {
    let problem = match report.problem {
        ImportProblem::Malformed => proto::ImportProblem::Malformed,
        ImportProblem::Differs => proto::ImportProblem::Differs,
        ImportProblem::EmailTaken => proto::ImportProblem::EmailTaken,
        ImportProblem::CustomerNotFound => proto::ImportProblem::CustomerNotFound,
        ImportProblem::PasswordNotAdopted => proto::ImportProblem::PasswordNotAdopted,
    };
    proto::ImportReport {
        line: report.line,
        external_id: report.external_id,
        problem: problem.into(),
        field: report.field,
        description: report.description,
    }
}
