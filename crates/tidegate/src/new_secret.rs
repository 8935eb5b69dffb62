//! `tidegate key new` and `tidegate credential new`: secrets for a first start whose files come from a secret store.
//!
//! They are the only commands that print a secret: they touch no file and no database.

use std::process::ExitCode;

use tidegate_keyring::MasterFile;
use tidegate_service::installation::OperatorToken;

use crate::ambient::{AuthorityClock, SystemEntropy};

pub fn new_key() -> ExitCode {
    print!("{}", MasterFile::generate(&SystemEntropy).text().expose());
    ExitCode::SUCCESS
}

pub fn new_credential() -> ExitCode {
    println!("{}", OperatorToken::mint(&AuthorityClock::default(), &SystemEntropy).text().expose());
    ExitCode::SUCCESS
}
