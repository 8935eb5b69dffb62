use super::{super::reference, loaded};

#[test]
fn the_reference_as_a_file_changes_nothing() {
    let ours = loaded(&reference(), &[], &[]);
    assert_eq!(ours.config, loaded("", &[], &[]).config);
    assert!(ours.entries.iter().all(|entry| entry.origin == "tidegate.toml"));
}

#[test]
fn the_reference_explains_each_setting() {
    let reference = reference();
    assert!(reference.starts_with(
        r#"# The gRPC services.
[grpc]
# Where clients connect; port 0 picks a free port.
# Must be an address and port such as 127.0.0.1:50051.
listen = "127.0.0.1:50051"
"#
    ));
    assert!(reference.ends_with(
        r"# Days for which events are kept.
# Must be a whole number from 30 to 3660.
retention_days = 400
"
    ));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each setting")]
fn render_aligns_the_origins_and_redacts() {
    let environment = [("TIDEGATE__DATABASE__URL", "postgres://ada:pw@db/tidegate?password=pw")];
    let ours = loaded("[limits]\ncommands = 9", &environment, &["log.format=json"]);
    assert_eq!(ours.config.database.url.reveal(), "postgres://ada:pw@db/tidegate?password=pw");
    assert!(!format!("{ours:?}").contains("pw"));
    assert_eq!(
        ours.render(),
        r#"grpc.listen = "127.0.0.1:50051"                               # default
grpc.reflection = "auto"                                      # default
grpc.max_deadline_ms = 30000                                  # default
grpc.drain_notice_ms = 0                                      # default
grpc.drain_ms = 20000                                         # default
grpc.linger_ms = 250                                          # default
grpc.close_ms = 8000                                          # default
grpc.insecure = false                                         # default
grpc.web_origins = ""                                         # default
grpc.max_connection_age_ms = 1800000                          # default
grpc.keepalive_interval_ms = 30000                            # default
grpc.keepalive_timeout_ms = 10000                             # default
grpc.handshake_timeout_ms = 10000                             # default
grpc.stranger_idle_timeout_ms = 60000                         # default
tls.cert_file = ""                                            # default
tls.key_file = ""                                             # default
tls.client_ca_file = ""                                       # default
tls.client_certificates = "optional"                          # default
tls.client_identities = ""                                    # default
admin.listen = "127.0.0.1:50052"                              # default
admin.check_interval_ms = 1000                                # default
admin.check_timeout_ms = 1000                                 # default
database.url = "postgres://ada:***@db/tidegate?password=***"  # environment variable TIDEGATE__DATABASE__URL
database.url_file = ""                                        # default
database.pooler = "none"                                      # default
database.connections = 8                                      # default
database.acquire_timeout_ms = 2000                            # default
database.connect_timeout_ms = 5000                            # default
database.lock_timeout_ms = 5000                               # default
database.statement_timeout_ms = 10000                         # default
database.idle_in_transaction_timeout_ms = 15000               # default
keys.master_file = "master.key"                               # default
passwords.breached_file = ""                                  # default
bootstrap.realm = "main"                                      # default
bootstrap.credential_file = "operator.credential"             # default
mail.folder = "mail"                                          # default
mail.templates = "templates"                                  # default
mail.from = "Tidegate <no-reply@localhost>"                   # default
mail.poll_ms = 500                                            # default
mail.sends_at_once = 8                                        # default
smtp.host = ""                                                # default
smtp.port = 587                                               # default
smtp.tls = "starttls"                                         # default
smtp.user = ""                                                # default
smtp.password_file = ""                                       # default
smtp.ca_file = ""                                             # default
smtp.timeout_ms = 10000                                       # default
web_push.key_file = ""                                        # default
web_push.contact = ""                                         # default
web_push.hosts = ""                                           # default
web_push.timeout_ms = 10000                                   # default
fcm.account_file = ""                                         # default
fcm.project = ""                                              # default
fcm.url = "https://fcm.googleapis.com"                        # default
fcm.token_url = ""                                            # default
fcm.timeout_ms = 10000                                        # default
apns.key_file = ""                                            # default
apns.key_id = ""                                              # default
apns.team_id = ""                                             # default
apns.topic = ""                                               # default
apns.url = "https://api.push.apple.com"                       # default
apns.timeout_ms = 10000                                       # default
sms.url = ""                                                  # default
sms.folder = ""                                               # default
sms.body = "To={to}&From={sender}&Body={text}"                # default
sms.headers = ""                                              # default
sms.sender = ""                                               # default
sms.auth = "none"                                             # default
sms.user = ""                                                 # default
sms.secret_file = ""                                          # default
sms.success = ""                                              # default
sms.message_id = ""                                           # default
sms.ca_file = ""                                              # default
sms.timeout_ms = 10000                                        # default
sms.countries = ""                                            # default
sms.hourly_cost = "100"                                       # default
sms.hourly_costs = ""                                         # default
sms.on_hourly_cost = "block"                                  # default
sms_receipts.listen = ""                                      # default
sms_receipts.token_file = ""                                  # default
sms_receipts.message_id = "MessageSid"                        # default
sms_receipts.status = "MessageStatus"                         # default
sms_receipts.delivered = "delivered"                          # default
sms_receipts.failed = "failed, undelivered"                   # default
log.format = "json"                                           # --set log.format
log.level = "info"                                            # default
otlp.endpoint = ""                                            # default
otlp.sample_per_mille = 10                                    # default
otlp.timeout_ms = 5000                                        # default
otlp.ca_file = ""                                             # default
limits.commands = 9                                           # tidegate.toml
limits.password_hashes = 0                                    # default
limits.queue_timeout_ms = 2000                                # default
limits.cached_accounts = 100000                               # default
limits.connections = 4096                                     # default
limits.connections_per_address = 1024                         # default
limits.stranger_connections = 1024                            # default
limits.calls_per_connection = 256                             # default
limits.calls = 8192                                           # default
limits.message_mib = 64                                       # default
retention.sign_ins_days = 7                                   # default
retention.sessions_days = 30                                  # default
retention.deliveries_days = 30                                # default
retention.sweep_ms = 20000                                    # default
audit.retention_days = 400                                    # default
"#
    );
}

#[test]
fn what_is_rendered_is_read_again() {
    let ours = loaded("", &[], &[r#"mail.from="Ada \ L." <a@b>"#, "log.level=a\tb\u{7f}\n"]);
    assert_eq!(loaded(&ours.render(), &[], &[]).config, ours.config);
}
