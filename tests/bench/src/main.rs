//! Measures Tidegate against the least that each path could cost, on the same machine in the same run:
//! the ratios are the contract, the absolutes belong to the machine.
//!
//! One program: it starts itself as the servers that it measures, and they end with it.

mod ambient;
mod bare;
mod calls;
mod compare;
mod crowd;
mod decision;
mod echo;
mod engine;
mod facts;
mod hashing;
mod load;
mod options;
mod patience;
mod people;
mod process;
mod rounds;
mod sample;
mod scene;
mod site;
mod table;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum as _};
use nix::sys::{prctl::set_pdeathsig, signal::Signal};

use crate::{compare::Name, engine::Engine, options::Options, scene::Scene, table::Report};

/// Both sides use the allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Tidegate against the least that each path could cost.
#[derive(Parser)]
#[command(name = "tidegate-bench")]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What the program is when it starts itself.
#[derive(Subcommand)]
enum Command {
    #[command(hide = true)]
    ServeEcho(echo::Canned),
    #[command(hide = true)]
    ServeArgon2,
    #[command(hide = true)]
    ServeTidegate {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidegate-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { options, command } = cli;
    if command.is_some() {
        set_pdeathsig(Signal::SIGKILL)?;
    }
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match command {
        Some(Command::ServeTidegate { words }) => {
            return Ok(tidegate::run(std::iter::once("tidegate".into()).chain(words)));
        }
        Some(Command::ServeArgon2) => hashing::serve()?,
        Some(Command::ServeEcho(canned)) => runtime()?.block_on(echo::serve(canned))?,
        None => println!("{}", runtime()?.block_on(measure(&options))?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Longer than a set-up may take.
const TIMEOUT: Duration = Duration::from_mins(5);

async fn measure(options: &Options) -> anyhow::Result<String> {
    let (mut report, mut engines) = (Report::default(), Vec::new());
    let before = facts::load();
    let names = || Name::value_variants().iter().copied().filter(|name| options.wants(*name));
    for name in options.engines() {
        if names().any(Name::is_of_scene) {
            let scene = tokio::time::timeout(TIMEOUT, Scene::set(options, name)).await;
            let mut scene = scene.context("the set-up did not end")??;
            engines.push(scene.engine.version().await?);
            for name in names().filter(|name| name.is_of_scene()) {
                compare::run(name, &mut scene, &mut report).await?;
            }
        }
        if options.wants(Name::Growth) {
            let engine = Engine::start(name)?;
            engines.push(engine.version().await?);
            compare::growth(&engine, options, &mut report).await?;
        }
    }
    engines.dedup();
    if options.wants(Name::Decide) {
        compare::in_process(&mut report)?;
    }
    Ok(format!("{}\n{}", facts::markdown(&engines, &before)?, report.markdown()))
}
