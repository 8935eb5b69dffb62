//! `tidegate device listen`: shows what waits as it comes up, and sends what the person decides.
//!
//! ```text
//! a message ──► new codes are shown
//!           └─► one prompt is shown and asked ── a line ──► RespondPush ──► the next prompt
//!                                             └─ a message without it ──► "ended" ──► the next prompt
//! ```

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::bail;
use clap::Args;
use tidegate_client::{Device, DeviceError, PushDecision};
use tidegate_proto as proto;

use super::{DeviceArgs, explained, input::InputLines, show};
use crate::ambient::{AuthorityClock, request_id};

#[derive(Args)]
pub struct Listen {
    /// End after the first decision, or the first code. The exit status is 1 when the decision came to nothing.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

const QUESTION: &str = "type the number that the sign-in shows, d to deny, or r to deny and report:";

struct Listener {
    device: Device,
    is_once: bool,
    /// Everything that waits, the newest first.
    waiting: Vec<proto::Push>,
    /// The challenges of it that were decided here.
    decided: BTreeSet<String>,
    /// The prompt whose question is open.
    asked: Option<proto::Push>,
}

pub async fn listen(listen: Listen) -> anyhow::Result<ExitCode> {
    let (device, enrolled) = listen.device.connect().await?;
    println!("listening for {} at {}", show::plain(&enrolled.factor_id), show::plain(&enrolled.product));
    let mut watch = device.watch(None);
    let (mut input, is_terminal) = (InputLines::default(), InputLines::is_terminal());
    let (waiting, decided, asked) = (Vec::new(), BTreeSet::new(), None);
    let mut listener = Listener { device, is_once: listen.once, waiting, decided, asked };
    loop {
        // A script's line waits for its question. What a person typed before there was a question is no answer to it.
        let reads = is_terminal || listener.asked.is_some();
        let ended = tokio::select! {
            pushes = watch.next() => listener.show(pushes.map_err(explained)?),
            line = input.next(), if reads => match line {
                Some(line) => listener.read(line.trim()).await?,
                None => bail!("standard input ended before the prompt was answered"),
            },
        };
        if let Some(code) = ended {
            return Ok(code);
        }
    }
}

impl Listener {
    /// Shows codes that are new, and asks about a prompt. Returns the exit status after a code, where the first one is the
    /// last.
    fn show(&mut self, pushes: Vec<proto::Push>) -> Option<ExitCode> {
        let holds = |pushes: &[proto::Push], one: &proto::Push| {
            pushes.iter().any(|push| push.challenge_id == one.challenge_id)
        };
        let mut has_code = false;
        for push in pushes.iter().rev().filter(|push| !push.code.is_empty() && !holds(&self.waiting, push)) {
            println!("{}", show::push(push, AuthorityClock::host()));
            has_code = true;
        }
        if let Some(gone) = self.asked.take_if(|asked| !holds(&pushes, asked)) {
            println!("ended: {}", show::what(&gone));
        }
        self.waiting = pushes;
        self.decided.retain(|id| self.waiting.iter().any(|push| push.challenge_id == *id));
        self.ask();
        (has_code && self.is_once).then_some(ExitCode::SUCCESS)
    }

    /// Shows the newest prompt that was not decided, and asks about it, unless a question is open.
    fn ask(&mut self) {
        if self.asked.is_some() {
            return;
        }
        let mut prompts = self.waiting.iter().filter(|push| push.method() == proto::Method::Push);
        self.asked = prompts.find(|push| !self.decided.contains(&push.challenge_id)).cloned();
        if let Some(asked) = &self.asked {
            println!("{}\n{QUESTION}", show::push(asked, AuthorityClock::host()));
        }
    }

    /// Takes a line as the answer to the open question.
    async fn read(&mut self, line: &str) -> anyhow::Result<Option<ExitCode>> {
        let Some(asked) = self.asked.take() else {
            if !line.is_empty() {
                println!("nothing is asked now");
            }
            return Ok(None);
        };
        let decision = match line {
            "d" => PushDecision::Deny,
            "r" => PushDecision::Report,
            // A wrong number ends the prompt, so what cannot be right is not sent.
            number if number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                PushDecision::Approve { number }
            }
            _ => {
                println!("the number has 2 digits; {QUESTION}");
                self.asked = Some(asked);
                return Ok(None);
            }
        };
        self.decided.insert(asked.challenge_id.clone());
        let answered = self.device.respond(&asked, decision, request_id()).await;
        let is_done = match answered {
            Ok(outcome) => {
                let (is_done, told) = show::outcome(decision, outcome);
                println!("{told}");
                is_done
            }
            Err(DeviceError::Refused(refused)) if !self.is_once => {
                eprintln!("tidegate: {refused}");
                false
            }
            Err(error) => return Err(error.into()),
        };
        if self.is_once {
            return Ok(Some(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE }));
        }
        self.ask();
        Ok(None)
    }
}
