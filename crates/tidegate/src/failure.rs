//! Why a command for people failed: in one plain sentence that says what to do, and by an exit code.

use std::{error::Error, fmt, process::ExitCode};

use tidegate_client::{ConnectError, Refused};
use tidegate_proto::ErrorReason as R;
use tidegate_service::Fault;
use tidegate_store::{Error as StoreError, Outage};
use tonic::Code;

/// The command line or a file that it names is wrong, or asks for something that needs a confirmation.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// The server refused it, or it failed.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
/// No server was reached, or it did not answer in time.
const UNREACHED: u8 = 3;

/// Prints why a command failed, and says how the program ends.
pub fn ended(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidegate: {}", sentence(&error));
            ExitCode::from(code(&error))
        }
    }
}

fn sentence(error: &anyhow::Error) -> String {
    match found::<Refused>(error) {
        Some(refused) if is_unanswered(refused) => {
            format!("the server did not answer ({}); try again, or see whether it runs", refused.message)
        }
        Some(refused) => told(refused),
        None if found::<ConnectError>(error).is_some() => {
            format!("{error:#}; see whether the server runs, and whether --address or the context is right")
        }
        None => causes(error),
    }
}

/// The whole chain of causes, and what to do about a damaged database.
pub fn causes(error: &anyhow::Error) -> String {
    let to_do = if is_damaged(error) {
        "; the database is damaged: restore a backup, as docs/RESTORE.md says"
    } else {
        ""
    };
    format!("{error:#}{to_do}")
}

/// Whether the database says that what it holds is damaged.
fn is_damaged(error: &anyhow::Error) -> bool {
    let stored = found::<StoreError>(error).or_else(|| match found::<Fault>(error) {
        Some(Fault::Store(error)) => Some(error),
        _ => None,
    });
    stored.and_then(StoreError::outage) == Some(Outage::Corrupt)
}

fn code(error: &anyhow::Error) -> u8 {
    match (found::<Usage>(error), found::<ConnectError>(error), found::<Refused>(error)) {
        (Some(_), ..) | (_, Some(ConnectError::Address { .. }), _) => USAGE,
        (_, Some(ConnectError::Unreachable { .. }), _) => UNREACHED,
        (.., Some(refused)) if is_unanswered(refused) => UNREACHED,
        _ => FAILED,
    }
}

fn found<E: Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|cause| cause.downcast_ref::<E>())
}

const fn is_unanswered(refused: &Refused) -> bool {
    refused.reason.is_none() && matches!(refused.code, Code::Unavailable | Code::DeadlineExceeded)
}

/// What the server refused, what to do, and the reason by which the documentation knows it.
fn told(refused: &Refused) -> String {
    let mut text = crate::output::plain(&refused.message);
    for violation in &refused.violations {
        let (field, what) = (&violation.field, &violation.description);
        text = format!("{text}; {}: {}", crate::output::places(field, 0), crate::output::plain(what));
    }
    if let Some(advice) = advice(refused) {
        text = format!("{text}; {advice}");
    }
    if let Some(incident) = &refused.incident {
        text = format!("{text}; incident {}", crate::output::plain(incident));
    }
    format!("{text} ({})", refused.name())
}

fn advice(refused: &Refused) -> Option<&'static str> {
    Some(match refused.reason? {
        R::Unauthenticated => "give a valid credential by --credential-file or the context",
        R::PermissionDenied => "ask an admin for a credential of another role",
        R::ProductNotPermitted => "ask an admin for a credential that names the product",
        R::RolloutNotFound => "`tidegate rollout list` shows all",
        R::AccountNotFound => "name it by its `acct_…` id or its external id",
        R::KeyTaken => "choose another key, or change that rollout with `tidegate rollout apply`",
        R::RolloutStarted => "`tidegate rollout advance` starts the next wave",
        R::RolloutNotStarted => "`tidegate rollout start` starts its first wave",
        R::RolloutPaused => "`tidegate rollout resume` ends the pause",
        R::RolloutStopped => "two persons end the stop by `tidegate rollout clear`",
        R::RolloutHasLadder => "`tidegate rollout ladder remove` removes the ladder",
        R::NoWaveLeft => "add a wave to the file of the rollout, and apply it",
        R::RevisionNotFound => "`tidegate rollout history` shows all",
        R::WaveStarted | R::FixedByStart => "what has started stays; add a wave, or roll back first",
        R::SecondPersonNeeded => "another person, with a credential that neither made, has to run the same",
        R::Busy => "try again in a moment",
        _ => return None,
    })
}
