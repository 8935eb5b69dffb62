//! Everything that leaves the program.
//!
//! The outbox worker drains the table `deliveries` of all realms. It sends outside of any
//! transaction. If the end of a delivery cannot be stored, the mail is sent again with the same
//! Message-ID: at least once. No link, token or address enters a log line or a `Debug` (INV-47).

mod deliver;
mod letter;
mod notification;
mod origin;
mod preview;
mod reach;
mod receipts;
#[cfg(test)]
mod tests;
mod text;
mod transport;
mod trouble;

use std::{collections::VecDeque, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use letter::Sender;
pub use preview::{Look, MailPreview, Preview, PreviewError, previews, send_test};
pub use reach::{Obstacle, Reached, reach_mail_server, reach_push_services, reach_sms_gateway};
pub use receipts::{ReceiptError, ReceiptFormat, ReceiptSettings, Receipts};
use text::Templates;
use tidegate_core::{Channel, Clock, Entropy, Word as _};
use tidegate_keyring::Keyring;
use tidegate_metrics::Metrics;
pub use tidegate_store::Error as StoreError;
use tidegate_store::{Store, deliveries};
use tokio_util::sync::CancellationToken;
pub use transport::{
    ApnsSettings, FcmSettings, PushSettings, SmsAuth, SmsBody, SmsSettings, SmsTo, SmtpSettings, Tls, To,
    WebPushSettings,
};
use transport::{Push, SmsGateway, Smtp, Texts, Transport};

#[derive(Debug, Clone)]
pub struct Settings {
    /// Where mails go.
    pub to: To,
    /// The push services that are set up.
    pub push: PushSettings,
    /// Where text messages go, if they go anywhere.
    pub sms: Option<SmsTo>,
    /// Holds a folder for each product that has texts of its own. It need not exist.
    pub templates: PathBuf,
    /// A mailbox, for example `Tidegate <no-reply@example.com>`.
    pub from: String,
    /// How long to wait between looks for what is due.
    pub poll: Duration,
    /// How many messages of one channel are sent at once.
    pub sends_at_once: usize,
    pub metrics: Arc<Metrics>,
}

/// Why the courier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("{from:?} is no mailbox such as \"Tidegate <no-reply@example.com>\"")]
    From { from: String },
    #[error("the mail folder {folder} cannot be made")]
    Folder { folder: String, source: std::io::Error },
    #[error("the file {file} of trusted certificates cannot be used")]
    CaFile { file: String, source: std::io::Error },
    #[error("the encryption for the mail server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
    #[error("a user of the mail server is named, but no password")]
    NoPassword,
    #[error("the password of the mail server is not sent without encryption")]
    PasswordInTheClear,
    #[error("the connections to {service} cannot be set up")]
    Http { service: &'static str, source: reqwest::Error },
    #[error("{service} must have an https URL without a user")]
    ServiceUrl { service: &'static str },
    #[error("the key file {file} cannot be used")]
    KeyFile { file: String, source: std::io::Error },
    #[error("{contact:?} is no contact such as mailto:ops@example.com or an https URL")]
    Contact { contact: String },
    #[error("{host:?} is no host of a push service such as push.example or *.push.example")]
    PushHost { host: String },
    #[error("{service}: {name:?} is no header, or its value is none")]
    Header { service: &'static str, name: String },
    #[error("the template for the SMS gateway: {0}")]
    SmsTemplate(&'static str),
    #[error("the receipts of the SMS gateway: {0}")]
    Receipts(&'static str),
}

/// Several couriers may work on one database: each delivery is claimed by one of them at a time.
pub struct Courier {
    store: Store,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sender: Sender,
    transport: Transport,
    push: Push,
    texts: Texts,
    poll: Duration,
    sends_at_once: usize,
    metrics: Arc<Metrics>,
}

/// How many deliveries are read at a time.
const BATCH: i64 = 100;

/// Everything that `Courier::new` would refuse. Makes no folder.
pub fn faults(settings: Settings) -> Vec<SetupError> {
    let Settings { to, push, sms, templates, from, .. } = settings;
    let sender = Sender::parse(&from, Templates::new(templates));
    let mut faults = Vec::new();
    if let To::Server(server) = to {
        // Nothing depends on the name by which the program greets the server.
        let domain = sender.as_ref().map_or("localhost", Sender::domain);
        faults.extend(Smtp::open(server, domain).err());
    }
    if sender.is_none() {
        faults.push(SetupError::From { from });
    }
    faults.extend(push.faults());
    if let Some(SmsTo::Gateway(gateway)) = sms {
        faults.extend(SmsGateway::open(*gateway).err());
    }
    faults
}

impl Courier {
    /// Creates the folder of mails if it is missing, readable by its owner alone.
    pub fn new(
        store: Store,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: Settings,
    ) -> Result<Self, SetupError> {
        let Settings { to, push, sms, templates, from, poll, sends_at_once, metrics } = settings;
        let sender = Sender::parse(&from, Templates::new(templates)).ok_or(SetupError::From { from })?;
        let transport = Transport::open(to, sender.domain())?;
        let push = Push::open(push)?;
        let texts = Texts::open(sms)?;
        let sends_at_once = sends_at_once.max(1);
        Ok(Self {
            store,
            keyring,
            clock,
            entropy,
            sender,
            transport,
            push,
            texts,
            poll,
            sends_at_once,
            metrics,
        })
    }

    /// The key that browsers subscribe with (`applicationServerKey`), in base64url. `None`: Web Push is not set up.
    pub fn web_push_key(&self) -> Option<&str> {
        self.push.web_push_key()
    }

    /// Sends what is due until it is told to stop: each channel in a loop of its own, so that one that hangs delays no
    /// other. It stops between two deliveries. Await its end: dropping it may interrupt a delivery, which is then sent
    /// again.
    pub async fn run(self, stop: CancellationToken) {
        let channels = Channel::ALL.iter().map(|channel| self.serve(*channel, &stop));
        futures_util::future::join_all(channels).await;
    }

    async fn serve(&self, channel: Channel, stop: &CancellationToken) {
        while let Err(error) = self.send_due(channel, Until::Stopped(stop)).await {
            tracing::error!(?error, channel = channel.as_str(), "deliveries wait, because of the database");
            if stop.run_until_cancelled(tokio::time::sleep(self.poll)).await.is_none() {
                return;
            }
        }
    }

    /// Tries every due delivery once. Returns how many were sent.
    pub async fn drain_once(&self) -> Result<usize, StoreError> {
        let mut sent = 0;
        for channel in Channel::ALL {
            sent += self.send_due(*channel, Until::Drained).await?;
        }
        Ok(sent)
    }

    /// Sends up to `sends_at_once` messages at once, and looks for more while some of them are under way: a message whose
    /// sending hangs takes one place and delays no other. Returns how many were sent. After an error of the database
    /// nothing more is begun, and what was begun is ended.
    async fn send_due(&self, channel: Channel, until: Until<'_>) -> Result<usize, StoreError> {
        let (mut waiting, mut sends) = (VecDeque::new(), FuturesUnordered::new());
        let mut tally = Tally::default();
        loop {
            let ends = tally.broken.is_some() || until.is_now();
            if !ends && waiting.is_empty() && sends.len() < self.sends_at_once {
                let mut across = self.store.across("courier");
                let mut due = pin!(deliveries::due(&mut across, channel, self.clock.now(), BATCH));
                // The sends go on meanwhile: they may hold the connections that this waits for.
                let due = loop {
                    tokio::select! {
                        due = &mut due => break due,
                        Some(done) = sends.next() => tally.add(done),
                    }
                };
                match due {
                    Ok(due) => waiting.extend(due),
                    Err(error) => tally.broken = Some(error),
                }
            }
            while !ends && sends.len() < self.sends_at_once {
                let Some(due) = waiting.pop_front() else { break };
                sends.push(self.deliver(due));
            }
            if sends.is_empty() && (ends || tally.broken.is_some() || until.is_drained()) {
                return tally.broken.map_or(Ok(tally.sent), Err);
            }
            let looks_again = !ends && sends.len() < self.sends_at_once;
            tokio::select! {
                Some(done) = sends.next() => tally.add(done),
                () = tokio::time::sleep(self.poll), if looks_again && !until.is_drained() => {}
                () = until.comes(), if !ends => {}
            }
        }
    }
}

/// How the sending has gone so far.
#[derive(Default)]
struct Tally {
    sent: usize,
    broken: Option<StoreError>,
}

impl Tally {
    fn add(&mut self, done: Result<bool, StoreError>) {
        match done {
            Ok(was_sent) => self.sent += usize::from(was_sent),
            Err(error) => self.broken = Some(error),
        }
    }
}

/// When the sending ends.
#[derive(Clone, Copy)]
enum Until<'s> {
    Stopped(&'s CancellationToken),
    /// Nothing is due any more. It comes, because a delivery that was tried is not due at once.
    Drained,
}

impl Until<'_> {
    fn is_now(self) -> bool {
        matches!(self, Self::Stopped(stop) if stop.is_cancelled())
    }

    const fn is_drained(self) -> bool {
        matches!(self, Self::Drained)
    }

    async fn comes(self) {
        match self {
            Self::Stopped(stop) => stop.cancelled().await,
            Self::Drained => std::future::pending().await,
        }
    }
}
