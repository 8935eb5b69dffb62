//! The program.
//!
//! It wires the crates together and holds the commands that people type. It is a library, so that the benchmarks measure
//! the program itself.

mod admin;
mod ambient;
mod backup;
mod check_schema;
mod check_settings;
mod cli;
mod config;
mod context;
mod demo;
mod descriptors;
mod device;
mod directory;
mod doctor;
mod events;
mod export_file;
mod failure;
mod files;
mod forget_clock;
mod health;
mod import;
mod init;
mod interrupts;
mod keep_credentials;
mod keep_keys;
mod keep_time;
mod keys;
mod listener;
mod logs;
mod lost_database;
mod mail;
mod migrate;
mod new_secret;
mod output;
mod passwords;
mod process;
mod pulse;
mod push;
mod receipts;
mod recover;
mod restored;
mod rollout;
mod running;
mod serve;
mod server;
mod signals;
mod sms;
mod tls;
mod traces;
mod workers;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

/// Runs the program. The first argument is its own name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    files::keep_private();
    let _last_lines = logs::LastLines;
    let done = cli::run(cli::Cli::parse_from(cli::gathered(arguments)));
    logs::finish();
    match done {
        Ok(code) => code,
        Err(error) => {
            // The whole chain of causes: the first error alone rarely says what to fix. As a line of the log, because
            // standard error may be a pipe that is not read.
            logs::tell(&format!("tidegate: {}", failure::causes(&error)));
            ExitCode::FAILURE
        }
    }
}
