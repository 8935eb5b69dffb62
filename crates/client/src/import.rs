//! Streams accounts into a realm, no faster than the server takes them.

use prost::Message as _;
use tidegate_proto::{
    ImportAccountsRequest, ImportAccountsResponse, ImportProblem, ImportReport, ImportRow,
    account_service_client::AccountServiceClient,
};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use crate::{Client, Refused, Transport};

/// The most rows of one message, which is one transaction.
const MAX_ROWS: usize = 500;
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The most reports of rows that are too large for a message.
const MAX_REPORTS: usize = 1_000;

impl Client {
    /// Imports accounts in messages of at most 500 rows and 4 MiB, without a deadline of its own.
    /// `on_batch` gets the number of rows of each message once the connection has taken it, so the
    /// count may be ahead of the server by what the network buffers hold. `rows` is read between
    /// the messages, on the caller's task; it should not block for long.
    ///
    /// The response reports rows that were not imported, by their `line`. A row that is too large
    /// for a message is reported too, and not sent. Running the same import again changes nothing,
    /// so it may be repeated after a lost connection.
    ///
    /// # Errors
    /// The import as a whole was refused or cut short; messages before that are kept.
    pub async fn import_accounts(
        &self,
        rows: impl IntoIterator<Item = ImportRow>,
        on_batch: impl FnMut(usize),
    ) -> Result<ImportAccountsResponse, Refused> {
        let mut accounts = self.without_deadline().accounts();
        let mut batches = ImportBatches::of(rows.into_iter().fuse());
        let answer = send(&mut accounts, &mut batches, on_batch).await;
        let answer = answer.map(Response::into_inner).map_err(|status| Refused::of(&status));
        answer.map(|response| batches.add_reports_to(response))
    }
}

/// Rows, message by message.
struct ImportBatches<I> {
    rows: I,
    /// A row that did not fit into the last message, and its size.
    waiting: Option<(ImportRow, usize)>,
    too_large: Vec<ImportReport>,
    too_large_count: i64,
}

impl<I: Iterator<Item = ImportRow>> ImportBatches<I> {
    const fn of(rows: I) -> Self {
        Self { rows, waiting: None, too_large: Vec::new(), too_large_count: 0 }
    }

    /// The rows of the next message; empty at the end.
    fn next_batch(&mut self) -> Vec<ImportRow> {
        let (mut batch, mut total) = (Vec::new(), 0);
        while batch.len() < MAX_ROWS {
            let Some((row, size)) = self.waiting.take().or_else(|| self.next_row()) else { break };
            if total + size > MAX_MESSAGE_BYTES {
                self.waiting = Some((row, size));
                break;
            }
            total += size;
            batch.push(row);
        }
        batch
    }

    /// The next row that fits into a message, and its encoded size.
    fn next_row(&mut self) -> Option<(ImportRow, usize)> {
        loop {
            let row = self.rows.next()?;
            // A tag of one byte and the length come in front of it.
            let size = 1 + prost::length_delimiter_len(row.encoded_len()) + row.encoded_len();
            if size <= MAX_MESSAGE_BYTES {
                return Some((row, size));
            }
            self.too_large_count += 1;
            if self.too_large.len() < MAX_REPORTS {
                self.too_large.push(ImportReport {
                    line: row.line,
                    external_id: row.external_id.chars().take(128).collect(),
                    problem: ImportProblem::Malformed.into(),
                    field: String::new(),
                    description: format!("must have at most {MAX_MESSAGE_BYTES} bytes"),
                });
            }
        }
    }

    fn add_reports_to(self, response: ImportAccountsResponse) -> ImportAccountsResponse {
        let reported = i64::try_from(self.too_large.len()).unwrap_or(i64::MAX);
        let mut reports = response.reports;
        reports.extend(self.too_large);
        reports.sort_by_key(|report| report.line);
        ImportAccountsResponse {
            failed_count: response.failed_count + self.too_large_count,
            omitted_report_count: response.omitted_report_count + self.too_large_count - reported,
            reports,
            ..response
        }
    }
}

async fn send(
    accounts: &mut AccountServiceClient<Transport>,
    batches: &mut ImportBatches<impl Iterator<Item = ImportRow>>,
    on_batch: impl FnMut(usize),
) -> Result<Response<ImportAccountsResponse>, Status> {
    let (messages, taken) = channel(1);
    let call = accounts.import_accounts(ReceiverStream::new(taken));
    tokio::pin!(call);
    // A refusal may come before the last row was sent.
    tokio::select! {
        biased;
        answer = &mut call => answer,
        () = feed(messages, batches, on_batch) => call.await,
    }
}

/// Sends all rows, or as many as the connection takes. The channel holds one message: room for the
/// next one means that the last one was taken.
async fn feed(
    messages: Sender<ImportAccountsRequest>,
    batches: &mut ImportBatches<impl Iterator<Item = ImportRow>>,
    mut on_batch: impl FnMut(usize),
) {
    let mut sent = 0;
    while let Ok(place) = messages.reserve().await {
        if sent > 0 {
            on_batch(sent);
        }
        let batch = batches.next_batch();
        if batch.is_empty() {
            return;
        }
        sent = batch.len();
        place.send(ImportAccountsRequest { rows: batch });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u64) -> impl Iterator<Item = ImportRow> {
        (1..=count).map(|line| ImportRow { line, ..Default::default() })
    }

    #[tokio::test]
    async fn rows_go_in_messages_of_500_and_are_reported_when_taken() {
        let (messages, mut taken) = channel(1);
        let mut reported = Vec::new();
        let (mut received, mut batches) = (Vec::new(), ImportBatches::of(rows(1_001)));
        tokio::join!(feed(messages, &mut batches, |count| reported.push(count)), async {
            while let Some(message) = taken.recv().await {
                received.push(message.rows.len());
            }
        });
        assert_eq!(received, [500, 500, 1]);
        assert_eq!(reported, received);
    }

    #[tokio::test]
    async fn rows_that_were_not_taken_are_not_reported() {
        let (messages, taken) = channel(1);
        let (mut reported, mut batches) = (0, ImportBatches::of(rows(1_001)));
        tokio::join!(feed(messages, &mut batches, |count| reported += count), async {
            tokio::task::yield_now().await;
            drop(taken);
        });
        assert_eq!(reported, 0);
    }

    #[test]
    fn large_rows_go_in_messages_that_the_server_takes_and_a_row_too_large_for_any_is_reported() {
        // Three of them are more than 4 MiB, and the fifth alone is.
        let large = |line| ImportRow {
            line,
            email: "x".repeat(if line == 5 { MAX_MESSAGE_BYTES } else { 1_500_000 }),
            ..Default::default()
        };
        let mut batches = ImportBatches::of((1..=6).map(large));
        let mut sent = Vec::new();
        loop {
            let rows = batches.next_batch();
            if rows.is_empty() {
                break;
            }
            let lines: Vec<_> = rows.iter().map(|row| row.line).collect();
            assert!(ImportAccountsRequest { rows }.encoded_len() <= MAX_MESSAGE_BYTES, "{lines:?}");
            sent.push(lines);
        }
        assert_eq!(sent, [vec![1, 2], vec![3, 4], vec![6]]);
        let response =
            batches.add_reports_to(ImportAccountsResponse { failed_count: 2, ..Default::default() });
        assert_eq!((response.failed_count, response.reports.len()), (3, 1));
        assert_eq!((response.reports[0].line, response.reports[0].problem()), (5, ImportProblem::Malformed));
    }

    #[test]
    fn a_message_may_be_filled_to_its_last_byte() {
        let row = |bytes| ImportRow { line: 1, email: "x".repeat(bytes), ..Default::default() };
        let rest = MAX_MESSAGE_BYTES - 1 - 4 - (2 + 1 + 4);
        let full = ImportAccountsRequest { rows: vec![row(rest)] };
        assert_eq!(full.encoded_len(), MAX_MESSAGE_BYTES);
        assert_eq!(ImportBatches::of(full.rows.into_iter()).next_batch().len(), 1);
        assert_eq!(ImportBatches::of([row(rest + 1)].into_iter()).next_batch().len(), 0);
    }
}
