//! Who may read the files that hold secrets.
//!
//! The mode of the file alone counts. A folder that others may not enter protects it too, but a copy or a move to another
//! folder keeps the mode.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use rustix::process::geteuid;

use super::finding::{Check, Finding};
use crate::{config::Config, files};

const CHECK: Check = Check::Files;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let files: Vec<_> = files::secret_files(config).into_iter().filter(|(_, file)| file.exists()).collect();
    let (mut found, mut of_the_group, mut of_others) = (Vec::new(), Vec::new(), Vec::new());
    for (setting, file) in &files {
        let shown = format!("{} ({setting})", file.display());
        match file.metadata() {
            Ok(metadata) => {
                if let Some(mode) = files::exposed(file) {
                    found.push(exposed(file, &shown, mode));
                } else if metadata.mode() & 0o040 != 0 {
                    of_the_group.push(shown.clone());
                }
                if metadata.uid() != geteuid().as_raw() {
                    of_others.push(format!("{shown} to user {}", metadata.uid()));
                }
            }
            Err(error) => {
                let what = format!("the mode of {shown} cannot be read: {error}");
                found.push(CHECK.unknown(what, "run as the user of the program"));
            }
        }
    }
    if found.is_empty() {
        found.push(CHECK.ok(match files.len() {
            0 => "no file with secrets exists yet".to_owned(),
            1 => "1 file with secrets: other users of this machine may not read it".to_owned(),
            count => format!("{count} files with secrets: other users of this machine may read none"),
        }));
    }
    if !of_the_group.is_empty() {
        let files = of_the_group.join(", ");
        found.push(CHECK.ok(format!(
            "the group of the file may read it too, as fsGroup of Kubernetes needs it: {files}"
        )));
    }
    if !of_others.is_empty() {
        let (us, files) = (geteuid().as_raw(), of_others.join(", "));
        found.push(CHECK.ok(format!("this is user {us}, and some files belong to others: {files}")));
    }
    found
}

fn exposed(file: &Path, shown: &str, mode: u32) -> Finding {
    CHECK.error(
        format!(
            "every user of this machine may read or write {shown}, which holds secrets: its mode is {mode:04o}"
        ),
        format!(
            "`chmod o= {}`; on Kubernetes, `defaultMode: 0440` of the volume. If others may have read it, replace the secret",
            file.display()
        ),
    )
}
