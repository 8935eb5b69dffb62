//! Whether the products' own texts of mails and text messages can be filled in.

use std::path::Path;

use tidegate_core::{Email, Language, MessageStyle, ProductKey, Word as _};
use tidegate_courier::{Look, previews};

use super::{
    finding::{Check, Finding},
    story,
};
use crate::{ambient::AuthorityClock, config::Config};

const CHECK: Check = Check::Texts;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let folder = &config.mail.templates;
    let shown = folder.display();
    if !folder.exists() {
        return vec![CHECK.ok("all products use the built-in texts")];
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(Result::ok),
        Err(error) => {
            return vec![CHECK.error(
                format!("{shown} (mail.templates) cannot be read: {error}: the built-in texts are sent"),
                "let the user of the program read it, or correct mail.templates",
            )];
        }
    };
    let mut products: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    products.sort();
    let found: Vec<_> = products.iter().flat_map(|product| judge(config, product)).collect();
    if found.is_empty() {
        return vec![
            CHECK.ok(format!("the texts of {} products in {shown} can be filled in", products.len())),
        ];
    }
    found
}

fn judge(config: &Config, folder: &Path) -> Vec<Finding> {
    let (shown, name) = (folder.display(), folder.file_name().unwrap_or_default().to_string_lossy());
    // As Kubernetes mounts a ConfigMap.
    if name.starts_with("..") {
        return Vec::new();
    }
    let Ok(key) = name.parse::<ProductKey>() else {
        return vec![CHECK.warning(
            format!("{shown} is named by no key of a product, so its texts are never used"),
            "name the folder by the product's key",
        )];
    };
    let wrong = Language::ALL.iter().filter_map(|language| {
        let wrong = fill(config, &key, *language).err()?;
        Some(CHECK.error(
            format!(
                "the texts of {name} in {}: {wrong}: the built-in text is sent in its place",
                language.as_str()
            ),
            format!(
                "correct the file; `tidegate mail preview --product {name} --language {} --output FOLDER`",
                language.as_str()
            ),
        ))
    });
    wrong.collect()
}

fn fill(config: &Config, key: &ProductKey, language: Language) -> Result<(), String> {
    let to = Email::parse("ann@example.com").map_err(|error| error.to_string())?;
    let product = key.as_str().parse().map_err(|_| "the key is no title".to_owned())?;
    let style = MessageStyle { language, ..MessageStyle::default() };
    let look = Look { key: key.clone(), product, style };
    let filled = previews(config.mail.templates.clone(), &look, &to, AuthorityClock::host());
    filled.map(drop).map_err(|error| story(&error))
}
