//! Streams accounts into a realm, no faster than the server takes them.

use tidegate_proto::{
    ImportAccountsRequest, ImportAccountsResponse, ImportRow, account_service_client::AccountServiceClient,
};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use crate::{Client, Refused, Transport};

/// What one message, which is one transaction, may hold.
const ROWS: usize = 500;

impl Client {
    /// Imports accounts in messages of at most 500 rows, without a deadline of its own. `on_batch`
    /// hears the number of rows of each message once the connection has taken it, so it may be ahead
    /// of the server by what the network buffers hold. `rows` is read between the messages, on the
    /// caller's task; it should not block for long.
    ///
    /// Rows that the server does not import are in the response, by their `line`. Running the same
    /// import again changes nothing, so after a lost connection it may simply be repeated.
    ///
    /// # Errors
    /// The import as a whole was refused or cut short; messages before that are kept.
    pub async fn import_accounts(
        &self,
        rows: impl IntoIterator<Item = ImportRow>,
        on_batch: impl FnMut(usize),
    ) -> Result<ImportAccountsResponse, Refused> {
        let mut accounts = self.without_deadline().accounts();
        let answer = send(&mut accounts, rows, on_batch).await;
        answer.map(Response::into_inner).map_err(|status| Refused::of(&status))
    }
}

async fn send(
    accounts: &mut AccountServiceClient<Transport>,
    rows: impl IntoIterator<Item = ImportRow>,
    on_batch: impl FnMut(usize),
) -> Result<Response<ImportAccountsResponse>, Status> {
    let (messages, taken) = channel(1);
    let call = accounts.import_accounts(ReceiverStream::new(taken));
    tokio::pin!(call);
    // A refusal may come before the last row was sent.
    tokio::select! {
        biased;
        answer = &mut call => answer,
        () = feed(messages, rows, on_batch) => call.await,
    }
}

/// Sends all rows, or as many as somebody takes. The channel holds one message, so that room for the
/// next one means that the last one was taken.
async fn feed(
    messages: Sender<ImportAccountsRequest>,
    rows: impl IntoIterator<Item = ImportRow>,
    mut on_batch: impl FnMut(usize),
) {
    let mut rows = rows.into_iter();
    let mut waiting = 0;
    while let Ok(place) = messages.reserve().await {
        if waiting > 0 {
            on_batch(waiting);
        }
        let batch: Vec<_> = rows.by_ref().take(ROWS).collect();
        if batch.is_empty() {
            return;
        }
        waiting = batch.len();
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
        let mut received = Vec::new();
        tokio::join!(feed(messages, rows(1_001), |count| reported.push(count)), async {
            while let Some(message) = taken.recv().await {
                received.push(message.rows.len());
            }
        });
        assert_eq!(received, [500, 500, 1]);
        assert_eq!(reported, received);
    }

    #[tokio::test]
    async fn nothing_is_reported_that_nobody_took() {
        let (messages, taken) = channel(1);
        let mut reported = 0;
        tokio::join!(feed(messages, rows(1_001), |count| reported += count), async {
            tokio::task::yield_now().await;
            drop(taken);
        });
        assert_eq!(reported, 0);
    }
}
