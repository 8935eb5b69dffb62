//! What others than apps read of accounts is recorded: an answer with addresses is given after its event is committed. An
//! app reads an account for its owner, often several times in a sign-in, and those reads are not recorded.

use serde::{Deserialize, Serialize};
use tidegate_core::{Account, Agent, Fact, Permission};

use crate::{App, Command, CommandContext, Error, Query, idempotency::outcomes};

/// A query whose answer shows addresses.
pub trait Disclosure: Query + Clone {
    /// What is recorded of the answer.
    fn recorded(&self, answer: &Self::Outcome) -> RecordRead;
}

/// Records that accounts were read.
#[derive(Debug)]
pub struct RecordRead {
    pub fact: Fact,
    /// The account that was read; `None`: a list of them.
    pub account: Option<Account>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ReadRecorded;

outcomes!(ReadRecorded);

impl App {
    /// Runs a query whose answer shows addresses, and records it unless an app asks.
    pub async fn show<D: Disclosure>(&self, agent: impl Into<Agent>, query: D) -> Result<D::Outcome, Error> {
        let agent = agent.into();
        if agent.serves_owners() {
            return self.ask(agent, query).await;
        }
        let answer = self.ask(agent.clone(), query.clone()).await?;
        self.act(agent, query.recorded(&answer), None).await?;
        Ok(answer)
    }
}

impl Command for RecordRead {
    const NAME: &'static str = "record_read";
    const PERMISSION: Permission = Permission::AccountsRead;
    type Outcome = ReadRecorded;

    async fn run(self, cx: &CommandContext) -> Result<ReadRecorded, Error> {
        cx.idempotent(async |tx| {
            let mut event = cx.event(self.fact);
            if let Some(account) = &self.account {
                event = event.of(account);
            }
            event.record(tx).await?;
            Ok(ReadRecorded)
        })
        .await
    }
}
