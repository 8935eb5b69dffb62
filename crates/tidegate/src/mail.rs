//! `tidegate mail`: sends a test mail as the settings say, or shows what all mails look like.

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tidegate_core::{
    Color, Email, Id, Language, MessageStyle, ProductKey, Secret, Title, UnknownWord, Word as _,
};
use tidegate_courier::{Look, MailPreview, Preview, Settings, SmtpSettings, Tls, To};

use tidegate_metrics::Metrics;

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    config::{Config, SmtpTls},
    files::Files,
    push, sms,
};

#[derive(Args)]
pub struct Test {
    /// The address that the mail goes to.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    look: LookArgs,
}

#[derive(Args)]
pub struct PreviewArgs {
    /// The folder to write to: for each mail its HTML and its text, for each text message its text.
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    look: LookArgs,
}

/// In whose name, and how.
#[derive(Args)]
struct LookArgs {
    /// The product's key, which names the folder of its own texts.
    #[arg(long, default_value = "example")]
    product: ProductKey,
    /// The product's title.
    #[arg(long, default_value = "Example")]
    title: Title,
    /// The language: en or de.
    #[arg(long, default_value = "en", value_parser = language)]
    language: Language,
    /// The product's colour.
    #[arg(long, default_value_t)]
    color: Color,
}

fn language(text: &str) -> Result<Language, UnknownWord> {
    Language::parse(text)
}

impl From<LookArgs> for Look {
    fn from(LookArgs { product, title, language, color }: LookArgs) -> Self {
        Self { key: product, product: title, style: MessageStyle { language, color } }
    }
}

pub async fn test(config: &Config, test: Test) -> anyhow::Result<ExitCode> {
    let to = Email::parse(&test.to).context("--to is no email address")?;
    let (now, look) = (AuthorityClock::host(), test.look.into());
    let id = (Id::new(now, &SystemEntropy), now);
    let settings = settings(config, Arc::new(Metrics::new("")), Files::Here)?;
    tidegate_courier::send_test(settings, &look, &to, id).await.context("the mail was not sent")?;
    println!("a test mail to {to} {}", destination(config));
    Ok(ExitCode::SUCCESS)
}

pub fn preview(config: &Config, preview: PreviewArgs) -> anyhow::Result<ExitCode> {
    let to = Email::parse("ann@example.com").context("failed to make an address")?;
    let look: Look = preview.look.into();
    let messages =
        tidegate_courier::previews(config.mail.templates.clone(), &look, &to, AuthorityClock::host())
            .context("a text is wrong")?;
    let folder = preview.output;
    let write = |name: String, text: &str| {
        let path = folder.join(name);
        let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("failed to write {}", path.display()))
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    for Preview { name, plain, mail } in &messages {
        match mail {
            Some(MailPreview { subject, html }) => {
                write(format!("{name}.html"), html)?;
                write(format!("{name}.txt"), &format!("Subject: {subject}\n\n{plain}"))?;
            }
            None => write(format!("{name}.txt"), plain)?,
        }
    }
    let mails = messages.iter().filter(|message| message.mail.is_some()).count();
    let texts = messages.len() - mails;
    println!("{mails} mails and {texts} text messages are written to {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// What the courier is told of the settings.
pub fn settings(config: &Config, metrics: Arc<Metrics>, files: Files) -> anyhow::Result<Settings> {
    Ok(Settings {
        to: if config.smtp.host.is_empty() {
            To::Folder(config.mail.folder.clone())
        } else {
            To::Server(server(config, files)?)
        },
        push: push::settings(config),
        sms: sms::to(config, files)?,
        templates: config.mail.templates.clone(),
        from: config.mail.from.clone(),
        poll: Duration::from_millis(config.mail.poll_ms),
        sends_at_once: usize::try_from(config.mail.sends_at_once)?,
        metrics,
    })
}

pub(crate) fn server(config: &Config, files: Files) -> anyhow::Result<SmtpSettings> {
    let smtp = &config.smtp;
    let given = |path: &PathBuf| Some(path.clone()).filter(|path| !path.as_os_str().is_empty());
    let password = match given(&smtp.password_file) {
        Some(file) => Some(Secret::new(files.read_secret(&file)?.expose().trim_end().to_owned())),
        None => None,
    };
    Ok(SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::StartTls => Tls::StartTls,
            SmtpTls::Implicit => Tls::Implicit,
            SmtpTls::None => Tls::None,
        },
        user: Some(smtp.user.clone()).filter(|user| !user.is_empty()),
        password,
        ca_file: given(&smtp.ca_file),
        timeout: Duration::from_millis(smtp.timeout_ms),
        idle_connections: u32::try_from(config.mail.sends_at_once)?,
    })
}

/// Fits after "a mail".
pub fn destination(config: &Config) -> String {
    if config.smtp.host.is_empty() {
        format!("is written to {}", config.mail.folder.display())
    } else {
        format!("is handed to {}:{}", config.smtp.host, config.smtp.port)
    }
}

pub fn is_in_the_clear(config: &Config) -> bool {
    !config.smtp.host.is_empty() && config.smtp.tls == SmtpTls::None
}
