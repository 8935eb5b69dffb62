//! `tidegate context`: names for servers, so that a person need not type the address and the credential's file each time.

mod file;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

pub use self::file::{SavedContext, SavedContexts};
use crate::{
    failure::Usage,
    output::{columns, plain, print},
    server::with_scheme,
};

#[derive(Subcommand)]
pub enum ContextCommand {
    /// Adds a context, or replaces it. The first one becomes the current one.
    Add(ContextAdd),
    /// Lists all contexts; a star marks the current one.
    List,
    /// Shows the current context, or one by its name.
    Show {
        /// Its name; else the current one.
        #[arg(env = "TIDEGATE_CONTEXT", hide_env_values = true)]
        name: Option<String>,
    },
    /// Makes a context the current one: it is used where neither `--context` nor `TIDEGATE_CONTEXT` names one.
    Use {
        /// Its name.
        name: String,
    },
    /// Removes a context. The file of the credential stays.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Args)]
pub struct ContextAdd {
    /// Its name: letters, digits, `-`, `_` and `.`.
    #[arg(value_parser = context_name)]
    name: String,
    /// The server: https://host:port, or http://host:port on this machine.
    #[arg(long, value_name = "URL", default_value = crate::server::DEFAULT_ADDRESS)]
    address: String,
    /// The file that holds the credential. Its path is kept, not what it holds.
    #[arg(long, value_name = "FILE")]
    credential_file: PathBuf,
    /// Key of the realm, for an operator; else the credential's own.
    #[arg(long)]
    realm: Option<String>,
    /// Certificates (PEM) that are trusted in place of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

fn context_name(name: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    if name.is_empty() || !name.chars().all(is_allowed) {
        return Err("must be letters, digits, `-`, `_` and `.`".to_owned());
    }
    Ok(name.to_owned())
}

pub fn run(command: ContextCommand) -> anyhow::Result<ExitCode> {
    let mut contexts = SavedContexts::read()?;
    match command {
        ContextCommand::Add(add) => {
            let readable = std::fs::File::open(&add.credential_file).and_then(|file| file.metadata());
            if !readable.is_ok_and(|file| file.is_file()) {
                let file = add.credential_file.display();
                let text = format!(
                    "nothing was kept: there is no file `{file}` that can be read; write the credential to it"
                );
                return Err(Usage::new(text).into());
            }
            // A context is used from any folder.
            let context = SavedContext {
                address: with_scheme(&add.address)?,
                credential_file: std::path::absolute(add.credential_file)?,
                realm: add.realm,
                ca_file: add.ca_file.map(std::path::absolute).transpose()?,
            };
            contexts.contexts.insert(add.name.clone(), context);
            contexts.current.get_or_insert(add.name);
            contexts.write()?;
        }
        ContextCommand::List => print(&table(&contexts))?,
        ContextCommand::Show { name } => {
            let named = name.filter(|name| !name.is_empty());
            let Some(name) = named.or_else(|| contexts.current.clone()) else {
                return Err(Usage::new("there is no current context: `tidegate context add` adds one").into());
            };
            print(&shown(&name, contexts.named(&name)?))?;
        }
        ContextCommand::Use { name } => {
            contexts.named(&name)?;
            contexts.current = Some(name);
            contexts.write()?;
        }
        ContextCommand::Remove { name } => {
            if contexts.contexts.remove(&name).is_none() {
                return Err(Usage::new(format!("there is no context `{name}`")).into());
            }
            contexts.current = contexts.current.filter(|current| *current != name);
            contexts.write()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(contexts: &SavedContexts) -> String {
    let rows = contexts.contexts.iter().map(|(name, context)| {
        let mark = if contexts.current.as_ref() == Some(name) { "*" } else { "" };
        let file = context.credential_file.display().to_string();
        let realm = context.realm.clone().unwrap_or_default();
        vec![mark.to_owned(), name.clone(), context.address.clone(), realm, file]
    });
    let text = columns(&["", "name", "address", "realm", "credential file"], rows);
    if contexts.current.is_some() { text + "\n* the current one\n" } else { text }
}

fn shown(name: &str, context: &SavedContext) -> String {
    let file = context.credential_file.display().to_string();
    let mut rows =
        vec![("name", name.to_owned()), ("address", context.address.clone()), ("credential file", file)];
    rows.extend(context.realm.clone().map(|realm| ("realm", realm)));
    rows.extend(context.ca_file.as_ref().map(|file| ("ca file", file.display().to_string())));
    let lines: Vec<_> =
        rows.into_iter().map(|(what, value)| format!("{what:15}  {}", plain(&value))).collect();
    lines.join("\n") + "\n"
}
