//! `tidegate events`: exports the record of a running server to a file, or verifies it on the server.

use std::{path::PathBuf, process::ExitCode, str::FromStr};

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_client::{Client, Refused};
use tidegate_proto as proto;
use tonic::Code;

use crate::{export_file::ExportFile, interrupts::Interrupts, server::Server};

#[derive(Args)]
pub struct Export {
    /// The file to make; `-` writes to standard output.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The first event's sequence number; 0: the oldest event that is kept.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The last event's sequence number; 0: the newest event.
    #[arg(long, default_value_t = 0)]
    to: u64,
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub struct Verify {
    /// An end of the record that was printed before, to prove that nothing was removed since.
    #[arg(long, value_name = "SEQUENCE:DIGEST")]
    anchor: Option<Anchor>,
    #[command(flatten)]
    server: Server,
}

/// `14:f007…`
#[derive(Clone)]
struct Anchor(proto::ChainPoint);

impl FromStr for Anchor {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (sequence, digest) = text.split_once(':').ok_or("must be a number, a colon and a digest")?;
        let sequence = sequence.parse().map_err(|_| "must begin with a number")?;
        Ok(Self(proto::ChainPoint { sequence, digest: digest.to_owned() }))
    }
}

pub async fn export(export: Export) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let mut output = ExportFile::open(&export.output)?;
    tokio::select! {
        exported = copy_all(&export, &mut output) => {
            let head = exported?;
            output.finish()?;
            eprintln!("exported; the record ended at {}:{}", head.sequence, head.digest);
            Ok(ExitCode::SUCCESS)
        }
        interrupt = interrupts.next() => {
            eprintln!("{}: nothing was exported", interrupt.name());
            Ok(interrupt.exit_code())
        }
    }
}

async fn copy_all(export: &Export, output: &mut ExportFile) -> anyhow::Result<proto::ChainPoint> {
    let client = export.server.connect().await?.without_deadline();
    let mut request = proto::ExportEventsRequest {
        from_sequence: export.from,
        to_sequence: export.to,
        ..Default::default()
    };
    loop {
        match copy(&client, &mut request, output).await? {
            Ended::Well(head) => return Ok(head),
            // A stream lasts an hour at most, and a server may be restarted.
            Ended::Early => eprintln!("the server ended the stream; resuming where it ended"),
        }
    }
}

enum Ended {
    Well(proto::ChainPoint),
    Early,
}

/// Copies one stream until it ends. The request then resumes after what was written.
async fn copy(
    client: &Client,
    request: &mut proto::ExportEventsRequest,
    output: &mut ExportFile,
) -> anyhow::Result<Ended> {
    let from = request.clone();
    let begun = client.retrying(async move |client| client.audit().export_events(from.clone()).await).await?;
    let (mut chunks, mut written) = (begun.into_inner(), false);
    loop {
        match chunks.message().await.map_err(|status| Refused::of(&status)) {
            Ok(Some(chunk)) => {
                output.write(&chunk.lines).context("failed to write")?;
                (written, request.from_sequence, request.resume_token) = (true, 0, chunk.resume_token);
                if let Some(head) = chunk.head {
                    return Ok(Ended::Well(head));
                }
            }
            Ok(None) => bail!("the stream ended before the record's end"),
            // The reason is not compared: a server that died gives none.
            Err(refused) if written && refused.code == Code::Unavailable => return Ok(Ended::Early),
            Err(refused) => return Err(refused.into()),
        }
    }
}

pub async fn verify(verify: Verify) -> anyhow::Result<ExitCode> {
    let client = verify.server.connect().await?;
    let anchor = verify.anchor.map(|anchor| anchor.0);
    let mut request = proto::VerifyChainRequest { anchor, ..Default::default() };
    let mut count = 0;
    loop {
        let answer = client.audit().verify_chain(request.clone()).await;
        let verified = answer.map_err(|status| Refused::of(&status))?.into_inner();
        count += verified.verified_count;
        if let Some(found) = verified.first_break {
            let kind = found.kind().as_str_name().trim_start_matches("BREAK_KIND_");
            println!("broken: {kind} at {} to {}", found.first_sequence, found.last_sequence);
            return Ok(ExitCode::FAILURE);
        }
        if request.anchor.is_some() && !verified.anchor_checked {
            eprintln!("the anchor is older than what is kept and was not compared");
        }
        if verified.next_sequence == 0 {
            let head = verified.head.unwrap_or_default();
            println!("valid: {count} events; anchor {}:{}", head.sequence, head.digest);
            return Ok(ExitCode::SUCCESS);
        }
        request = proto::VerifyChainRequest { from_sequence: verified.next_sequence, ..Default::default() };
    }
}
