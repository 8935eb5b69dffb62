//! Every setting, once: key, type, default, what is allowed, whether it is printed, and its line of help.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub use super::database_url::DatabaseUrl;
use super::setting::{Rule, Setting, Shown, settings};

settings! {
    /// The gRPC services.
    grpc: Grpc {
        /// Where clients connect; port 0 picks a free port.
        listen: SocketAddr = "127.0.0.1:50051", Rule::Address, Shown::Whole;
        /// Whether clients may list the services; auto is on while listen is a loopback address, else off.
        reflection: Reflection = "auto", Rule::Choice(&["auto", "on", "off"]), Shown::Whole;
        /// Milliseconds that a call may take, streams excepted; a caller's own deadline may be shorter.
        max_deadline_ms: u64 = 30_000, Rule::Whole(1..=3_600_000), Shown::Whole;
        /// Milliseconds in which a server that stops says so by its health, and still serves; then it takes no more calls.
        drain_notice_ms: u64 = 0, Rule::Whole(0..=3_600_000), Shown::Whole;
        /// Milliseconds that calls under way may take when the server stops; then they are cut off.
        drain_ms: u64 = 20_000, Rule::Whole(0..=3_600_000), Shown::Whole;
        /// Milliseconds that finished answers may take to be sent when the server stops.
        linger_ms: u64 = 250, Rule::Whole(0..=3_600_000), Shown::Whole;
        /// Milliseconds that the rest of the stop may take, after calls were drained: what still runs, and closing the database; then the program ends all the same.
        close_ms: u64 = 8_000, Rule::Whole(1..=3_600_000), Shown::Whole;
        /// Whether gRPC may be served beyond this machine without TLS, where the network is trusted or a proxy adds TLS.
        insecure: bool = false, Rule::Boolean, Shown::Whole;
        /// The origins whose pages may call by gRPC-Web, separated by commas, such as `https://app.example`; empty: gRPC-Web is off.
        web_origins: String = "", Rule::Optional, Shown::Whole;
        /// Milliseconds after which, give or take a tenth, a connection takes no more calls and the caller opens another; 0: never.
        max_connection_age_ms: u64 = 1_800_000, Rule::Whole(0..=86_400_000), Shown::Whole;
        /// Milliseconds between two HTTP/2 pings on a connection.
        keepalive_interval_ms: u64 = 30_000, Rule::Whole(1_000..=3_600_000), Shown::Whole;
        /// Milliseconds that a ping may stay unanswered before the connection is closed.
        keepalive_timeout_ms: u64 = 10_000, Rule::Whole(1_000..=3_600_000), Shown::Whole;
        /// Milliseconds that a TLS handshake may take, then the first bytes of HTTP, and then a call without a credential.
        handshake_timeout_ms: u64 = 10_000, Rule::Whole(100..=600_000), Shown::Whole;
        /// Milliseconds without a call after which a connection is closed whose caller has shown no valid credential.
        stranger_idle_timeout_ms: u64 = 60_000, Rule::Whole(100..=3_600_000), Shown::Whole;
    }
    /// TLS on the port of the gRPC services; the files are read again when they change.
    tls: Tls {
        /// The certificate (PEM), with those of the authorities below the root; empty: without TLS.
        cert_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// The file of the certificate's key (PEM).
        key_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// The authorities (PEM) whose client certificates are trusted; empty: clients are asked for none.
        client_ca_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// Whether each client must show a certificate; one that is shown must be valid in both cases.
        client_certificates: ClientCertificates = "optional", Rule::Choice(&["optional", "required"]), Shown::Whole;
        /// Names in client certificates and the credentials whose calls they may make without a token, separated by commas: `spiffe://…=cred_…` or `CN=…=cred_…`
        client_identities: String = "", Rule::Optional, Shown::Whole;
    }
    /// The services of the operator.
    admin: Admin {
        /// Where the operator connects; port 0 picks a free port.
        listen: SocketAddr = "127.0.0.1:50052", Rule::Address, Shown::Whole;
        /// Milliseconds between two pulses: a write and a read of the database, by which /readyz, the health of services and other servers judge.
        check_interval_ms: u64 = 1_000, Rule::Whole(10..=60_000), Shown::Whole;
        /// Milliseconds that a pulse may take. When there was none for three times as long, the server is not ready.
        check_timeout_ms: u64 = 1_000, Rule::Whole(1..=600_000), Shown::Whole;
    }
    /// Where everything is stored.
    database: Database {
        /// The database; its password is never printed.
        url: DatabaseUrl = "sqlite:tidegate.db", Rule::Database, Shown::Redacted;
        /// The file that holds the database's address; it is stronger than url. Empty: there is none.
        url_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// What is between the program and PostgreSQL: nothing, or a pooler such as PgBouncer in the mode transaction.
        pooler: Pooler = "none", Rule::Choice(&["none", "transaction"]), Shown::Whole;
        /// Connections open at once.
        connections: u32 = 8, Rule::Whole(1..=1000), Shown::Whole;
        /// Milliseconds that a call waits for a connection, and for a server that is away, before it fails.
        acquire_timeout_ms: u64 = 2_000, Rule::Whole(1..=600_000), Shown::Whole;
        /// Milliseconds that PostgreSQL may take to accept a connection.
        connect_timeout_ms: u64 = 5_000, Rule::Whole(1..=600_000), Shown::Whole;
        /// Milliseconds that a statement waits for a lock before it fails; with SQLite, for its turn to write and for another program's lock, both together.
        lock_timeout_ms: u64 = 5_000, Rule::Whole(1..=600_000), Shown::Whole;
        /// Milliseconds that a statement may take; a database that says nothing is given up a second later.
        statement_timeout_ms: u64 = 10_000, Rule::Whole(1..=3_600_000), Shown::Whole;
        /// Milliseconds that a transaction on PostgreSQL may wait for its client before its locks are released.
        idle_in_transaction_timeout_ms: u64 = 15_000, Rule::Whole(1..=3_600_000), Shown::Whole;
    }
    /// Keys that encrypt what is stored.
    keys: Keys {
        /// The file that holds the master key.
        master_file: PathBuf = "master.key", Rule::Text, Shown::Whole;
    }
    /// The rules for new passwords.
    passwords: Passwords {
        /// The file of passwords that other services lost, made by `tidegate passwords build`; empty: none are looked up.
        breached_file: PathBuf = "", Rule::Optional, Shown::Whole;
    }
    /// What the first start creates.
    bootstrap: Bootstrap {
        /// The realm of the operator.
        realm: String = "main", Rule::Text, Shown::Whole;
        /// The file that the credential of the operator is written to.
        credential_file: PathBuf = "operator.credential", Rule::Text, Shown::Whole;
    }
    /// Mail that leaves the server.
    mail: Mail {
        /// The folder that messages are written to, while smtp.host is empty.
        folder: PathBuf = "mail", Rule::Text, Shown::Whole;
        /// The folder of texts: in a folder named by a product's key, its own ones. It need not exist.
        templates: PathBuf = "templates", Rule::Text, Shown::Whole;
        /// The sender that messages name.
        from: String = "Tidegate <no-reply@localhost>", Rule::Text, Shown::Whole;
        /// Milliseconds between looks for mail that is due.
        poll_ms: u64 = 500, Rule::Whole(10..=60_000), Shown::Whole;
        /// How many messages are sent at once, at most.
        sends_at_once: u64 = 8, Rule::Whole(1..=64), Shown::Whole;
    }
    /// The mail server.
    smtp: Smtp {
        /// Its name; empty: mails are written to mail.folder.
        host: String = "", Rule::Optional, Shown::Whole;
        /// Its port: usually 587 with starttls, 465 with implicit.
        port: u16 = 587, Rule::Whole(1..=65_535), Shown::Whole;
        /// How the connection is encrypted; none sends mails, and so codes, in the clear.
        tls: SmtpTls = "starttls", Rule::Choice(&["starttls", "implicit", "none"]), Shown::Whole;
        /// The user that the server knows; empty: it asks for none.
        user: String = "", Rule::Optional, Shown::Whole;
        /// The file that holds the user's password.
        password_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// Certificates (PEM) that are trusted in place of the system's; empty: the system's.
        ca_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// Milliseconds that it may take to hand one mail over.
        timeout_ms: u64 = 10_000, Rule::Whole(100..=25_000), Shown::Whole;
    }
    /// Notifications to browsers by Web Push (RFC 8030).
    web_push: WebPush {
        /// The file of the key (P-256, PEM) that push services know the server by; empty: browsers are not notified.
        key_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// Whom a push service may write to: mailto: or https:.
        contact: String = "", Rule::Optional, Shown::Whole;
        /// The push services that are called, separated by commas, *.example.com for all below; empty: those of the four browsers.
        hosts: String = "", Rule::Optional, Shown::Whole;
        /// Milliseconds that it may take to hand one notification over.
        timeout_ms: u64 = 10_000, Rule::Whole(100..=25_000), Shown::Whole;
    }
    /// Notifications to Android by Firebase Cloud Messaging.
    fcm: Fcm {
        /// The file of the service account (JSON); empty: FCM is not used.
        account_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// The project; empty: the one that the account's file names.
        project: String = "", Rule::Optional, Shown::Whole;
        /// Where the service is.
        url: String = "https://fcm.googleapis.com", Rule::Text, Shown::Whole;
        /// Where access tokens come from; empty: as the account's file says.
        token_url: String = "", Rule::Optional, Shown::Whole;
        /// Milliseconds that it may take to hand one notification over.
        timeout_ms: u64 = 10_000, Rule::Whole(100..=25_000), Shown::Whole;
    }
    /// Notifications to iOS by the Apple Push Notification service.
    apns: Apns {
        /// The file of the key (.p8); empty: APNs is not used.
        key_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// The id of the key.
        key_id: String = "", Rule::Optional, Shown::Whole;
        /// The id of the developer's team.
        team_id: String = "", Rule::Optional, Shown::Whole;
        /// The bundle id of the app.
        topic: String = "", Rule::Optional, Shown::Whole;
        /// Where the service is.
        url: String = "https://api.push.apple.com", Rule::Text, Shown::Whole;
        /// Milliseconds that it may take to hand one notification over.
        timeout_ms: u64 = 10_000, Rule::Whole(100..=25_000), Shown::Whole;
    }
    /// Text messages (SMS), by the HTTP API of a gateway.
    sms: Sms {
        /// Where the gateway takes messages, by POST; empty: none are sent.
        url: String = "", Rule::Optional, Shown::Whole;
        /// The folder that messages are written to while url is empty; empty: there are none.
        folder: PathBuf = "", Rule::Optional, Shown::Whole;
        /// The request: fields of a form, or JSON. The values in braces are filled in: to (+49…), `to_digits` (49…), text, id and sender.
        body: String = "To={to}&From={sender}&Body={text}", Rule::Text, Shown::Whole;
        /// More headers, separated by commas, such as: X-Api-Version: 2
        headers: String = "", Rule::Optional, Shown::Whole;
        /// What the phone shows as the sender: a number, or a name where the country allows it.
        sender: String = "", Rule::Optional, Shown::Whole;
        /// How the server proves who it is.
        auth: SmsAuth = "none", Rule::Choice(&["none", "basic", "bearer", "header"]), Shown::Whole;
        /// With basic: the user. With header: the header's name.
        user: String = "", Rule::Optional, Shown::Whole;
        /// The file that holds the password, the token or the header's value.
        secret_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// The statuses by which the gateway says that it has taken a message, separated by commas; empty: 200 to 299.
        success: String = "", Rule::Optional, Shown::Whole;
        /// Where an answer in JSON holds the gateway's id of the message, such as /messages/0/id; empty: nowhere.
        message_id: String = "", Rule::Optional, Shown::Whole;
        /// Certificates (PEM) that are trusted in place of the system's; empty: the system's.
        ca_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// Milliseconds that it may take to hand one message over.
        timeout_ms: u64 = 10_000, Rule::Whole(100..=25_000), Shown::Whole;
        /// The countries that are sent to, with what one message costs there (1 if not said), such as: DE=0.07, AT=0.09
        countries: String = "", Rule::Optional, Shown::Whole;
        /// What the messages to one country may cost in an hour.
        hourly_cost: String = "100", Rule::Text, Shown::Whole;
        /// The same for single countries, such as: US=500
        hourly_costs: String = "", Rule::Optional, Shown::Whole;
        /// What happens at this cost: it is recorded, and block sends nothing more until the hour is over.
        on_hourly_cost: OnHourlyCost = "block", Rule::Choice(&["record", "block"]), Shown::Whole;
    }
    /// Receipts of text messages: the gateway calls back to say whether the phone got one.
    sms_receipts: SmsReceipts {
        /// Where the gateway calls, such as 127.0.0.1:50053; port 0 picks a free port; empty: there are no receipts.
        listen: String = "", Rule::Optional, Shown::Whole;
        /// The file that holds the gateway's token: 16 characters or more, of letters, digits and -._~
        token_file: PathBuf = "", Rule::Optional, Shown::Whole;
        /// Where a receipt holds the id of the message, ours or the gateway's: a field, or in JSON a pointer such as /message/id
        message_id: String = "MessageSid", Rule::Text, Shown::Whole;
        /// Where it holds the status, likewise.
        status: String = "MessageStatus", Rule::Text, Shown::Whole;
        /// The statuses, separated by commas, that mean that the phone has the message.
        delivered: String = "delivered", Rule::Text, Shown::Whole;
        /// The statuses, separated by commas, that mean that the phone will not get it.
        failed: String = "failed, undelivered", Rule::Text, Shown::Whole;
    }
    /// What the server writes about itself.
    log: Log {
        /// How a line is written.
        format: Format = "text", Rule::Choice(&["text", "json"]), Shown::Whole;
        /// The least severe level that is written: off, error, warn, info, debug or trace; also of single targets, such as `info,tidegate_grpc=debug`
        level: String = "info", Rule::Text, Shown::Whole;
    }
    /// Traces of calls, for a collector that takes OTLP over gRPC.
    otlp: Otlp {
        /// Where spans are sent, such as `http://127.0.0.1:4317`; empty: nothing is traced.
        endpoint: String = "", Rule::Optional, Shown::Whole;
        /// How many of a thousand calls are traced, of those whose callers send no `traceparent`; the others decide themselves.
        sample_per_mille: u32 = 10, Rule::Whole(0..=1000), Shown::Whole;
        /// Milliseconds that it may take to hand spans over; then they are dropped.
        timeout_ms: u64 = 5_000, Rule::Whole(100..=60_000), Shown::Whole;
        /// Certificates (PEM) that are trusted in place of the system's, for https; empty: the system's.
        ca_file: PathBuf = "", Rule::Optional, Shown::Whole;
    }
    /// What the server takes on at once.
    limits: Limits {
        /// Commands under way at once.
        commands: usize = 256, Rule::Whole(1..=65_536), Shown::Whole;
        /// Passwords hashed at once, 19 MiB each, with an imported hash up to 128 MiB; 0 is one per core.
        password_hashes: usize = 0, Rule::Whole(0..=1024), Shown::Whole;
        /// Milliseconds that a command, or a password, waits for its turn before the call is refused as busy.
        queue_timeout_ms: u64 = 2_000, Rule::Whole(1..=600_000), Shown::Whole;
        /// Accounts whose standing is kept in memory, and as many sessions; about 2 KiB for both.
        cached_accounts: usize = 100_000, Rule::Whole(1..=100_000_000), Shown::Whole;
        /// Connections of gRPC open at once; one more is closed at once.
        connections: usize = 4_096, Rule::Whole(1..=1_000_000), Shown::Whole;
        /// The same from one address, or from one /64 of IPv6; raise it where a proxy or a NAT stands before all callers.
        connections_per_address: usize = 1_024, Rule::Whole(1..=1_000_000), Shown::Whole;
        /// The same of callers that have shown no valid credential yet; for one more, the oldest of them is closed.
        stranger_connections: usize = 1_024, Rule::Whole(1..=1_000_000), Shown::Whole;
        /// Calls under way at once on one connection.
        calls_per_connection: u32 = 256, Rule::Whole(1..=65_536), Shown::Whole;
        /// Calls under way at once on all connections; one more is refused as busy.
        calls: usize = 8_192, Rule::Whole(1..=10_000_000), Shown::Whole;
        /// MiB of requests above 8 KiB that are received at once, a quarter of it on one connection, and as much again of answers that are not read.
        message_mib: u32 = 64, Rule::Whole(16..=65_536), Shown::Whole;
    }
    /// How long what is over is kept; then it is deleted.
    retention: Retention {
        /// Days for which sign-ins, challenges, enrollments and mailed links are kept after they ended.
        sign_ins_days: i64 = 7, Rule::Whole(1..=366), Shown::Whole;
        /// Days for which sessions are kept after they ended, and counters of guesses that remember nothing.
        sessions_days: i64 = 30, Rule::Whole(1..=366), Shown::Whole;
        /// Days for which messages are kept after they were sent or given up; what they said is deleted when they are.
        deliveries_days: i64 = 30, Rule::Whole(1..=366), Shown::Whole;
        /// Milliseconds of each minute in which it is deleted at most; what is left waits for the next minute.
        sweep_ms: u64 = 20_000, Rule::Whole(100..=50_000), Shown::Whole;
    }
    /// The record of what happened.
    audit: Audit {
        /// Days for which events are kept.
        retention_days: i64 = 400, Rule::Whole(30..=3660), Shown::Whole;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    Auto,
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    Optional,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    None,
    Transaction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    StartTls,
    Implicit,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsAuth {
    None,
    Basic,
    Bearer,
    Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnHourlyCost {
    Record,
    Block,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Text,
    Json,
}

impl Grpc {
    /// Whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    /// Whether the reflection service is served.
    pub fn reflection(&self) -> bool {
        match self.reflection {
            Reflection::Auto => self.is_local(),
            Reflection::On => true,
            Reflection::Off => false,
        }
    }
}
