//! The command line: arguments, and which file runs each command.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    backup,
    check_settings::check_settings,
    config::{self, Loaded, Sources},
    context, demo, device, directory, doctor, events, failure,
    files::Files,
    forget_clock, health, import, init, keys, logs, mail, migrate, new_secret, output, passwords, recover,
    restored, rollout, serve,
};

/// Identity for device clouds: accounts, second factors, and two-step verification in waves.
#[derive(Parser)]
#[command(name = "tidegate", version)]
pub struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct SettingsArgs {
    /// A TOML file of settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, for example `--set grpc.listen=127.0.0.1:0`; stronger than file and environment.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM, SIGINT or SIGQUIT; SIGHUP reads certificates, master keys and breached passwords again. In an empty folder it initialises itself first.
    Serve,
    /// Asks a running server for its health (grpc.health.v1). The exit status is 1 when it does not take calls.
    Health(health::HealthArgs),
    /// Looks at everything that keeps the program from serving, and says what to do. Changes nothing. The exit status is 1
    /// when something must be corrected, 2 when a check could not look.
    Doctor(doctor::DoctorArgs),
    /// Makes the database, the master key and the first credential, where they are missing.
    Init,
    /// Brings the schema of an initialised database up to this program's.
    Migrate,
    /// The way back after the clock was ahead: brings the stored time, and what lies in the future, down to now. All servers
    /// must be stopped.
    ForgetClock,
    /// Writes a checked copy of the SQLite database into a new file, also while a server uses it.
    Backup(backup::Backup),
    /// Voids what was issued before, after the database was restored from a copy: sessions, links, trusted devices, recovery
    /// codes. Run it before the server starts; when it was interrupted, run it again.
    Restored(restored::RestoredArgs),
    /// Master keys, and their rotation.
    #[command(subcommand, visible_alias = "key")]
    Keys(keys::KeysCommand),
    /// Operators' credentials.
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Settings: where each value comes from, and what is wrong with them.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Rollouts of a running server, for product managers. The exit status is 1 when it was refused or failed, 2 when the
    /// command line or a file is wrong or a confirmation is missing, 3 when the server did not answer.
    #[command(subcommand)]
    Rollout(rollout::RolloutCommand),
    /// Names for servers: address, credential file and realm under one name.
    #[command(subcommand)]
    Context(context::ContextCommand),
    /// Accounts of a running server.
    #[command(subcommand, visible_alias = "account")]
    Accounts(AccountsCommand),
    /// The record of a running server: what happened, in order, and the chain that proves it.
    #[command(subcommand)]
    Events(EventsCommand),
    /// The method directory of a running server: what each product supports, for public lists.
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// A device of an owner, played in a terminal: push prompts and device codes of a running server.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Passwords that other services lost: the file that the server refuses them by.
    #[command(subcommand)]
    Passwords(PasswordsCommand),
    /// Mails: a test of the mail server, and what they look like.
    #[command(subcommand)]
    Mail(MailCommand),
    /// Prints a script that completes the commands in a shell.
    Completions {
        /// The shell.
        #[arg(value_parser = clap::builder::EnumValueParser::<Shell>::new())]
        shell: Shell,
    },
    /// Shows the main job on a throw-away server: one account is brought to two-step, in waves.
    Demo {
        /// Leave the server running, and say how to call it.
        #[arg(long)]
        keep: bool,
    },
}

#[derive(Subcommand)]
enum CredentialCommand {
    /// Prints a new operator's credential, as the content of `bootstrap.credential_file`. Changes nothing: `init` stores it.
    New,
    /// Makes an operator's credential in the database, when all are lost. Needs the master key. The token is written to a
    /// new file, whose path is printed. With SQLite, stop the server first.
    Recover(recover::Recover),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with the settings, all at once: what `serve` would refuse. It reads the files that they name.
    Check {
        /// The files are on another machine: read none of them.
        #[arg(long)]
        no_files: bool,
    },
    /// Prints every setting, its value and its origin; secrets are left out.
    Print {
        /// Print all settings with their defaults and what they mean, as a file to begin from.
        #[arg(long)]
        defaults: bool,
    },
}

#[derive(Subcommand)]
enum AccountsCommand {
    /// Imports accounts from a file of JSON objects, one a line (NDJSON). Running it again changes nothing. The
    /// exit status is 1 when a row was not imported, or not with its password.
    Import(import::Import),
    /// Says why two-step has reached an account at a product, or has not.
    Explain(rollout::AccountExplain),
    /// Exempts an account from what a ladder requires at a product, until an instant.
    Exempt(rollout::AccountExempt),
    /// Ends an exemption before its time.
    EndExemption(rollout::OfAccount),
    /// Gives an account some days more before two-step is demanded of it.
    ExtendDeadline(rollout::AccountExtend),
}

#[derive(Subcommand)]
enum EventsCommand {
    /// Writes the record to a file of JSON objects, one a line (NDJSON), with all that proves it.
    Export(events::Export),
    /// Recomputes the hash chain, and reports the first break.
    Verify(events::Verify),
}

#[derive(Subcommand)]
enum DirectoryCommand {
    /// Prints products as entries of the 2factorauth directory (JSON), sorted by title. When they were verified, and who is to
    /// be named as their source, goes to standard error.
    Export(directory::ExportDirectory),
}

#[derive(Subcommand)]
enum DeviceCommand {
    /// Makes a key and enrolls it as a factor of the account whose session is given.
    Enroll(device::Enroll),
    /// Shows what waits as it comes up, and asks what to answer, until Ctrl-C.
    Listen(device::Listen),
    /// Shows once what waits.
    List(device::List),
}

#[derive(Subcommand)]
enum PasswordsCommand {
    /// Makes the file of `passwords.breached_file` from a list of Have I Been Pwned.
    Build(passwords::PasswordsBuild),
    /// Reads a password from standard input, and looks it up in such a file. The exit status is 1 when it is there.
    Test(passwords::PasswordsTest),
}

#[derive(Subcommand)]
enum MailCommand {
    /// Sends one mail at once, as the settings say. The exit status is 1 when it was not taken.
    Test(mail::Test),
    /// Writes every mail to a folder, with invented content, to look at in a browser. Says what is wrong with a product's
    /// own texts.
    Preview(mail::PreviewArgs),
}

/// The arguments with `--set` and `--config` moved after the command, wherever they stood: clap keeps only those of the
/// innermost command.
pub fn gathered(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let (mut rest, mut settings) = (Vec::new(), Vec::new());
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if text == "--" {
            settings.push(argument);
            settings.extend(arguments);
            break;
        }
        if text == "--set" || text == "--config" {
            settings.push(argument);
            settings.extend(arguments.next());
        } else if text.starts_with("--set=") || text.starts_with("--config=") {
            settings.push(argument);
        } else {
            rest.push(argument);
        }
    }
    rest.extend(settings);
    rest
}

pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { settings, command } = cli;
    let load = || -> anyhow::Result<Loaded> {
        Ok(config::load(&Sources::ambient(settings.config.clone(), settings.set.clone()))?)
    };
    match command {
        Command::Serve => {
            let config = load()?.config;
            block_on(serve::serve(config))
        }
        Command::Health(asked) => block_on(health::health(asked)),
        Command::Doctor(doctor) => {
            doctor::doctor(&Sources::ambient(settings.config.clone(), settings.set.clone()), &doctor)
        }
        Command::Init => {
            let config = logged(load()?)?;
            block_on(init::init(&config))
        }
        Command::Migrate => {
            let config = logged(load()?)?;
            block_on(migrate::migrate(&config))
        }
        Command::ForgetClock => {
            let config = logged(load()?)?;
            block_on(forget_clock::forget_clock(&config))
        }
        Command::Backup(backup) => {
            let config = logged(load()?)?;
            block_on(async move { backup::backup(&config, backup).await })
        }
        Command::Restored(args) => {
            let config = logged(load()?)?;
            block_on(async move { restored::restored(&config, args).await })
        }
        // It prints nothing but the key, and reads no settings.
        Command::Keys(keys::KeysCommand::New) => Ok(new_secret::new_key()),
        Command::Keys(command) => {
            let config = logged(load()?)?;
            block_on(async move { keys::keys(&config, command).await })
        }
        Command::Credential(CredentialCommand::New) => Ok(new_secret::new_credential()),
        Command::Credential(CredentialCommand::Recover(recover)) => {
            let config = logged(load()?)?;
            block_on(async move { recover::recover(&config, recover).await })
        }
        Command::Config(ConfigCommand::Check { no_files }) => {
            let files = if no_files { Files::Elsewhere } else { Files::Here };
            let config = load()?.config;
            block_on(async move {
                check_settings(&config, files).await?;
                println!("the settings are sound");
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Config(ConfigCommand::Print { defaults: true }) => {
            print!("{}", config::reference());
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Print { defaults: false }) => {
            print!("{}", load()?.render());
            Ok(ExitCode::SUCCESS)
        }
        Command::Accounts(AccountsCommand::Import(import)) => block_on(import::import(import)),
        Command::Accounts(AccountsCommand::Explain(explain)) => {
            Ok(failure::ended(block_on(rollout::account_explain(explain))))
        }
        Command::Accounts(AccountsCommand::Exempt(exempt)) => {
            Ok(failure::ended(block_on(rollout::exempt(exempt))))
        }
        Command::Accounts(AccountsCommand::EndExemption(end)) => {
            Ok(failure::ended(block_on(rollout::end_exemption(end))))
        }
        Command::Accounts(AccountsCommand::ExtendDeadline(extend)) => {
            Ok(failure::ended(block_on(rollout::extend_deadline(extend))))
        }
        Command::Rollout(command) => Ok(failure::ended(block_on(rollout::run(command)))),
        Command::Context(command) => Ok(failure::ended(context::run(command))),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tidegate", &mut script);
            output::print(&String::from_utf8(script)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Events(EventsCommand::Export(export)) => block_on(events::export(export)),
        Command::Events(EventsCommand::Verify(verify)) => block_on(events::verify(verify)),
        Command::Directory(DirectoryCommand::Export(export)) => block_on(directory::export(export)),
        Command::Device(DeviceCommand::Enroll(enroll)) => block_on(device::enroll(enroll)),
        Command::Device(DeviceCommand::Listen(listen)) => block_on(device::listen(listen)),
        Command::Device(DeviceCommand::List(list)) => block_on(device::list(list)),
        Command::Passwords(PasswordsCommand::Build(asked)) => passwords::build(asked),
        Command::Passwords(PasswordsCommand::Test(asked)) => passwords::test(asked),
        Command::Mail(MailCommand::Test(test)) => {
            let config = logged(load()?)?;
            block_on(async move { mail::test(&config, test).await })
        }
        Command::Mail(MailCommand::Preview(preview)) => mail::preview(&load()?.config, preview),
        Command::Demo { keep } => block_on(demo::demo(keep)),
    }
}

fn logged(loaded: Loaded) -> anyhow::Result<config::Config> {
    logs::begin(&loaded.config.log)?;
    Ok(loaded.config)
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    // One TLS provider for all libraries that bring their own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("failed to start the runtime")?;
    let done = runtime.block_on(work);
    // What still blocks a thread, such as a file system that hangs, is not waited for.
    runtime.shutdown_background();
    done
}
