//! The app: the program that wires the rooms together, and the commands that people type. A library, so
//! that what is measured is the program itself.

mod admin;
mod ambient;
mod check_schema;
mod cli;
mod config;
mod demo;
mod events;
mod files;
mod forget_clock;
mod import;
mod init;
mod keep_time;
mod logs;
mod migrate;
mod running;
mod serve;
mod server;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

/// The program, told by its arguments, its own name first.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match cli::run(cli::Cli::parse_from(cli::gathered(arguments))) {
        Ok(code) => code,
        Err(error) => {
            // The whole chain, because the first link alone rarely says what to mend.
            eprintln!("tidegate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
