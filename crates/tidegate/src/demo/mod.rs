//! Shows the main job: one account is brought to two-step, in waves. Then it shows a sign-in by each further method. The
//! demo drives a throw-away server over gRPC with the client crate, as any service would.

mod cast;
mod lost_phone;
mod mail_codes;
mod mailbox;
mod methods;
mod owner;
mod people;
mod scenes;
mod strangers;
mod teller;
mod undo;

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tidegate_core::Secret;

use crate::{
    config::{self, Config, Sources},
    files,
    interrupts::Interrupts,
    logs,
    running::Running,
    serve,
};

/// How long the demo waits for anything.
const TIMEOUT: Duration = Duration::from_mins(5);

pub async fn demo(keep: bool) -> anyhow::Result<ExitCode> {
    // Before the folder is made. A signal while the server starts or stops takes effect after that.
    let mut interrupts = Interrupts::listen()?;
    let folder = tempfile::Builder::new().prefix("tidegate-demo-").tempdir();
    let folder = folder.context("failed to make a temporary folder")?;
    let config = settings(folder.path())?;
    logs::begin(&config.log)?;
    teller::title("A server of its own, in a temporary folder");
    let running = serve::start(&config).await?;
    teller::say(&format!("gRPC on {}, an SQLite file, mails and text messages into folders", running.grpc));
    let ended = tokio::select! {
        told = tell(&config, &running, folder.path()) => told.map(|()| None),
        interrupt = interrupts.next() => Ok(Some(interrupt)),
    };
    if keep && matches!(ended, Ok(None)) {
        stay(folder.path(), &running);
        interrupts.next().await;
    }
    running.stop().await?;
    // An error of the story removes the folder too, by dropping it.
    let ended = ended?;
    folder.close().context("failed to remove the temporary folder")?;
    if let Some(interrupt) = ended {
        teller::title(&format!("{}: the server was stopped, and its folder removed", interrupt.name()));
        return Ok(interrupt.exit_code());
    }
    teller::title("That was the main job");
    Ok(ExitCode::SUCCESS)
}

async fn tell(config: &Config, running: &Running, folder: &Path) -> anyhow::Result<()> {
    let operator = files::read_secret(&config.bootstrap.credential_file)?;
    let demo =
        cast::Demo::set_up(running.grpc, operator, folder, (&config.mail.folder, &config.sms.folder)).await?;
    scenes::all(&demo).await
}

/// The settings, with every path inside the folder.
fn settings(folder: &Path) -> anyhow::Result<Config> {
    let place = |name: &str| folder.join(name).display().to_string();
    let set = vec![
        "grpc.listen=127.0.0.1:0".to_owned(),
        "admin.listen=127.0.0.1:0".to_owned(),
        "log.level=warn".to_owned(),
        "mail.poll_ms=50".to_owned(),
        // The long timeouts let the demo succeed on a busy machine too.
        format!("grpc.max_deadline_ms={}", TIMEOUT.as_millis()),
        format!("database.acquire_timeout_ms={}", TIMEOUT.as_millis()),
        format!("limits.queue_timeout_ms={}", TIMEOUT.as_millis()),
        format!("database.url=sqlite:{}", place("tidegate.db")),
        format!("keys.master_file={}", place("master.key")),
        format!("bootstrap.credential_file={}", place("operator.credential")),
        format!("mail.folder={}", place("mail")),
        format!("sms.folder={}", place("sms")),
        "sms.countries=DE".to_owned(),
    ];
    Ok(config::load(&Sources { file: None, environment: Vec::new(), set })?.config)
}

fn stay(folder: &Path, running: &Running) {
    let place = |role: &str| folder.join(format!("{role}.credential")).display().to_string();
    let call = |role: &str, what: &str| {
        let bearer = format!("-H \"authorization: Bearer $(cat {})\"", place(role));
        println!("\n  grpcurl -plaintext {bearer} {what}");
    };
    let address = running.grpc;
    teller::title("The server goes on");
    teller::say(&format!("gRPC on {address}, health on http://{}/healthz", running.admin));
    teller::say(&format!("credentials lie in {}/*.credential", folder.display()));
    teller::say("three calls that work as they stand:");
    call("rollout-manager", &format!("{address} tidegate.v1.AccessService/WhoAmI"));
    let evaluate = r#"-d '{"product": "kasa", "account": "u-00001"}'"#;
    call("rollout-manager", &format!("{evaluate} {address} tidegate.v1.EvaluationService/Evaluate"));
    call("auditor", &format!("-d '{{\"page_size\": 5}}' {address} tidegate.v1.AuditService/ListEvents"));
    println!("\n  Ctrl-C ends it and removes the folder.");
}

/// Writes a credential to a file that is named after its role.
fn put_credential(folder: &Path, role: &str, token: &Secret<String>) -> anyhow::Result<()> {
    files::write_secret(&folder.join(format!("{role}.credential")), token)
}
