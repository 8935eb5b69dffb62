//! Addresses of PostgreSQL, read as libpq reads them. Where the driver would take an address for another one, or would
//! ignore a part of it, the address is refused: a connection that is less protected than its address says must not exist.

use std::{fmt::Write as _, path::PathBuf, str::FromStr as _};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::postgres::PgConnectOptions;

pub(crate) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What is wrong with an address. The text contains no value, because a value may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    #[error("{what} {must}")]
    Part { what: &'static str, must: &'static str },
    #[error("the parameter {name} {must}")]
    Parameter { name: String, must: String },
}

/// One server of an address.
#[derive(Clone)]
pub(crate) struct Server {
    /// For people: `db.example:5432`, or the folder of a socket.
    pub(crate) name: String,
    pub(crate) options: PgConnectOptions,
}

/// What an address says, before it is given to the driver.
#[derive(Default)]
struct AddressParts {
    user: Option<String>,
    password: Option<String>,
    /// A host, or the folder of a socket, with its port.
    hosts: Vec<(String, Option<u16>)>,
    database: Option<String>,
    /// `sslmode`, which other parameters may change.
    sslmode: Option<String>,
    /// Certificates and keys, by the driver's names of them.
    files: Vec<(&'static str, String)>,
    /// What the driver gets as it is.
    others: Vec<(&'static str, String)>,
}

const PLAIN: &str = "must be written with percent-encoding: / is %2F, ? is %3F, # is %23, @ is %40, : is %3A";
const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];
const SUPPORTED: &str = "host, port, dbname, user, password, application_name, options, sslmode, sslrootcert, sslcert, \
    sslkey, target_session_attrs";

/// Whether the address can be used, as far as that is known without a connection.
///
/// # Errors
/// The text names the part, and says what to write.
pub fn check_postgres_url(url: &str) -> Result<(), PostgresUrlError> {
    AddressParts::read(url)?.servers().map(drop)
}

/// The servers of an address, in their order, and the files that it names.
pub(crate) fn read(url: &str) -> Result<(Vec<Server>, Vec<PathBuf>), PostgresUrlError> {
    let parts = AddressParts::read(url)?;
    let files = parts.files.iter().map(|(_, path)| path.into()).collect();
    Ok((parts.servers()?, files))
}

impl AddressParts {
    fn read(url: &str) -> Result<Self, PostgresUrlError> {
        let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)).unwrap_or(url);
        if rest.contains('#') {
            return Err(part(
                "the character #",
                "starts a fragment, which no address has: in a password write %23",
            ));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let mut parts = Self::default();
        // What looks like a host would be a piece of a password.
        if database.contains('@')
            || query.split('&').next().is_some_and(|first| !first.contains('=') && first.contains('@'))
        {
            return Err(part("the user and the password", PLAIN));
        }
        let hosts = match authority.split_once('@') {
            Some((_, hosts)) if hosts.contains('@') => return Err(part("the user and the password", PLAIN)),
            Some((userinfo, hosts)) => {
                let (user, password) = userinfo
                    .split_once(':')
                    .map_or((userinfo, None), |(user, password)| (user, Some(password)));
                parts.user = Some(decoded("the user", user)?).filter(|user| !user.is_empty());
                parts.password = password.map(|password| decoded("the password", password)).transpose()?;
                hosts
            }
            None => authority,
        };
        if !hosts.is_empty() {
            parts.hosts = hosts.split(',').map(host_and_port).collect::<Result<_, _>>()?;
        }
        if !database.is_empty() {
            parts.database = Some(decoded("the name of the database", database)?);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parts.parameter(&decoded("the name of a parameter", name)?, decoded("a parameter", value)?)?;
        }
        Ok(parts)
    }

    fn parameter(&mut self, name: &str, value: String) -> Result<(), PostgresUrlError> {
        match name {
            "host" => {
                let ports: Vec<_> = self.hosts.iter().map(|(_, port)| *port).collect();
                let hosts = value.split(',').map(str::to_owned);
                self.hosts =
                    hosts.enumerate().map(|(n, host)| (host, ports.get(n).copied().flatten())).collect();
            }
            "port" => {
                let ports = value.split(',').map(port).collect::<Result<Vec<_>, _>>()?;
                if self.hosts.is_empty() {
                    self.hosts = vec![(String::new(), None); ports.len()];
                }
                let (only, count) =
                    ((ports.len() == 1).then(|| ports.first().copied()).flatten(), self.hosts.len());
                if only.is_none() && ports.len() != count {
                    return Err(parameter(name, "must be one port, or one for each host"));
                }
                for (n, host) in self.hosts.iter_mut().enumerate() {
                    host.1 = only.or_else(|| ports.get(n).copied());
                }
            }
            "dbname" => self.database = Some(value),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "application_name" => self.others.push(("application_name", value)),
            "options" => self.others.push(("options", value)),
            "statement-cache-capacity" => self.others.push(("statement-cache-capacity", value)),
            // As libpq does, for what is copied from JDBC.
            "ssl" if value == "true" => self.sslmode = Some("require".to_owned()),
            "ssl" => return Err(parameter(name, "must be true; else write sslmode")),
            "sslmode" | "ssl-mode" if value == "allow" => {
                let must = "cannot be allow, which begins in clear text: write prefer, or better verify-full";
                return Err(parameter(name, must));
            }
            "sslmode" | "ssl-mode" if MODES.contains(&value.as_str()) => self.sslmode = Some(value),
            "sslmode" | "ssl-mode" => {
                return Err(parameter(name, &format!("must be one of {}", MODES.join(", "))));
            }
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" if value == "system" => {
                let must = "must be a file, for example /etc/ssl/certs/ca-certificates.crt, which has the system's authorities";
                return Err(parameter(name, must));
            }
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.files.push(("sslrootcert", value)),
            "sslcert" | "ssl-cert" => self.files.push(("sslcert", value)),
            "sslkey" | "ssl-key" => self.files.push(("sslkey", value)),
            "sslpassword" => {
                let must = "is not supported: give a key without a passphrase, in a file that only this user may read";
                return Err(parameter(name, must));
            }
            // The primary is looked for in any case: nothing can be written on another server.
            "target_session_attrs" if ["any", "read-write", "primary"].contains(&value.as_str()) => {}
            "target_session_attrs" => {
                return Err(parameter(name, "must be primary: nothing can be written on a standby"));
            }
            _ => {
                return Err(parameter(
                    name,
                    &format!("is not supported: remove it. Supported are {SUPPORTED}"),
                ));
            }
        }
        Ok(())
    }

    fn servers(&self) -> Result<Vec<Server>, PostgresUrlError> {
        let has_authorities = self.files.iter().any(|(name, _)| *name == "sslrootcert");
        let mode = match self.sslmode.as_deref() {
            // With authorities, libpq verifies; without, it only encrypts.
            Some("require") if has_authorities => Some("verify-ca"),
            Some(mode @ ("verify-ca" | "verify-full")) if !has_authorities => {
                let must = "needs sslrootcert, the file of the authorities (PEM) that sign the server's certificate, \
                    for example /etc/ssl/certs/ca-certificates.crt";
                return Err(parameter("sslmode", &format!("{mode} {must}")));
            }
            mode => mode,
        };
        let mut common = String::new();
        let mut add = |name: &str, value: &str| {
            let _ = write!(common, "&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        };
        let named = [("user", &self.user), ("password", &self.password), ("dbname", &self.database)];
        for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))) {
            add(name, value);
        }
        if let Some(mode) = mode {
            add("sslmode", mode);
        }
        for (name, value) in self.files.iter().chain(&self.others) {
            add(name, value);
        }
        let none = [(String::new(), None)];
        let hosts = if self.hosts.is_empty() { &none } else { self.hosts.as_slice() };
        hosts.iter().map(|(host, port)| server(host, *port, &common)).collect()
    }
}

/// The driver reads everything from parameters: they have one spelling, and no host is taken for a part of a password.
fn server(host: &str, port: Option<u16>, common: &str) -> Result<Server, PostgresUrlError> {
    let mut url = format!("postgres:///?{}", common.trim_start_matches('&'));
    if !host.is_empty() {
        let _ = write!(url, "&host={}", utf8_percent_encode(host, NON_ALPHANUMERIC));
    }
    if let Some(port) = port {
        let _ = write!(url, "&port={port}");
    }
    let options = PgConnectOptions::from_str(&url).map_err(|_| {
        part("the address", "cannot be read: compare it with postgres://user@host:5432/database")
    })?;
    let name = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None if options.get_host().contains(':') => {
            format!("[{}]:{}", options.get_host(), options.get_port())
        }
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    Ok(Server { name, options })
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), PostgresUrlError> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(part("an address of IPv6", "must end with ]"))?,
        None if text.matches(':').count() > 1 => {
            return Err(part("an address of IPv6", "must stand in brackets, for example [::1]:5432"));
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let given = match rest.strip_prefix(':') {
        None | Some("") => None,
        Some(digits) => Some(port(digits)?),
    };
    Ok((decoded("the host", host)?, given))
}

fn port(text: &str) -> Result<u16, PostgresUrlError> {
    let read = text.parse().ok().filter(|port| *port > 0);
    read.ok_or(part(
        "the port",
        "must be a number from 1 to 65535; a / : or # in a password is percent-encoded",
    ))
}

fn decoded(what: &'static str, text: &str) -> Result<String, PostgresUrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| part(what, "must be UTF-8 when its percent-encoding is read"))
}

const fn part(what: &'static str, must: &'static str) -> PostgresUrlError {
    PostgresUrlError::Part { what, must }
}

fn parameter(name: &str, must: &str) -> PostgresUrlError {
    // A raw # or & of a password may have made a piece of it look like a name.
    let plain = name.len() <= 40
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-[].".contains(letter));
    let name = if plain { name } else { "(its name is not shown)" };
    PostgresUrlError::Parameter { name: name.to_owned(), must: must.to_owned() }
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions as _, postgres::PgSslMode};

    use super::*;

    fn names(url: &str) -> Vec<String> {
        read(url).unwrap().0.into_iter().map(|server| server.name).collect()
    }

    fn refusal(url: &str) -> String {
        let refused = check_postgres_url(url).unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
        refused
    }

    fn mode(url: &str) -> PgSslMode {
        read(url).unwrap().0[0].options.get_ssl_mode()
    }

    #[test]
    fn hosts_are_read_as_libpq_reads_them() {
        assert_eq!(names("postgres://db.example/t"), ["db.example:5432"]);
        assert_eq!(names("postgresql://ada:secret@[::1]:6543/t"), ["[::1]:6543"]);
        assert_eq!(names("postgres://a:1,b,[::1]:3/t"), ["a:1", "b:5432", "[::1]:3"]);
        assert_eq!(names("postgres:///t?host=/run/a,/run/b&port=6432"), ["/run/a", "/run/b"]);
        assert_eq!(names("postgres://ada@/t?host=/run/a"), ["/run/a"]);
        assert_eq!(names("postgres://%2Frun%2Fa/t"), ["/run/a"]);
        assert_eq!(names("postgres:///t?host=a,b&port=1,2"), ["a:1", "b:2"]);
    }

    #[test]
    fn what_is_encoded_arrives_as_it_was() {
        let server = &read("postgres://a%40b:p%23w%2Fx%2B+@db/t%20x?application_name=a%26b").unwrap().0[0];
        let url = server.options.to_url_lossy();
        assert_eq!((server.options.get_username(), server.options.get_database()), ("a@b", Some("t x")));
        assert_eq!(percent_decode_str(url.password().unwrap()).decode_utf8().unwrap(), "p#w/x++");
        assert_eq!(server.options.get_application_name(), Some("a&b"));
    }

    #[test]
    fn a_password_that_is_not_encoded_is_told_and_never_shown() {
        for url in [
            "postgres://ada:se#secret@db/t",
            "postgres://ada:x/secret@db/t",
            "postgres://ada:x?secret@db/t",
            "postgres://ada:x@secret@db/t",
            "postgres://ada:x&secret=1@db:secret/t",
            "postgres://db/t?password=x&sec;ret=secret",
            "postgres://db/t?password=x&the;secret=1",
        ] {
            refusal(url);
        }
        assert!(refusal("postgres://ada:se#secret@db/t").contains("%23"));
    }

    #[test]
    fn a_mode_is_never_weaker_than_it_says() {
        assert!(matches!(mode("postgres://db/t?sslmode=require&sslrootcert=/ca.pem"), PgSslMode::VerifyCa));
        assert!(matches!(mode("postgres://db/t?ssl=true&sslrootcert=/ca.pem"), PgSslMode::VerifyCa));
        assert!(matches!(mode("postgres://db/t?sslmode=require"), PgSslMode::Require));
        assert!(matches!(mode("postgres://db/t?ssl=true"), PgSslMode::Require));
        assert!(matches!(
            mode("postgres://db/t?sslmode=verify-full&sslrootcert=/ca.pem"),
            PgSslMode::VerifyFull
        ));
        for (url, says) in [
            ("postgres://db/t?sslmode=allow", "prefer"),
            ("postgres://db/t?sslmode=secret", "verify-full"),
            ("postgres://db/t?sslmode=verify-full", "sslrootcert"),
            ("postgres://db/t?sslmode=verify-full&sslrootcert=system", "ca-certificates"),
            ("postgres://db/t?ssl=false", "sslmode"),
            ("postgres://db/t?sslpassword=secret", "passphrase"),
            ("postgres://db/t?channel_binding=secret", "channel_binding"),
            ("postgres://db/t?target_session_attrs=standby", "primary"),
            ("postgres://::1/t", "[::1]"),
            ("postgres://[::1/t", "]"),
            ("postgres://db:0/t", "65535"),
            ("postgres://db/t%ff", "UTF-8"),
        ] {
            let refused = refusal(url);
            assert!(refused.contains(says), "{url}: {refused}");
        }
    }
}
