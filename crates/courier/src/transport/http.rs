//! HTTP requests to push services and gateways.
//!
//! - No redirect is followed, and no proxy is taken from the environment: a request goes to the host of its URL or
//!   nowhere.
//! - At most `MAX_BODY` bytes of an answer are read.
//! - No error names the URL, because the URL of a Web Push subscription is a secret of its owner (INV-47).

use std::{fs, path::Path, time::Duration};

use reqwest::{
    Certificate, Client, ClientBuilder, RequestBuilder, Response, Url,
    header::{DATE, HeaderMap, HeaderName, RETRY_AFTER},
    redirect,
};
use serde_json::Value;
use tidegate_core::Span;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use crate::{Obstacle, SetupError, trouble::Trouble};

/// The most bytes of an answer that are read.
const MAX_BODY: usize = 64 * 1024;
/// How long it may take to connect, where a service's own timeout is not shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was not used for so long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a connection that carries requests is checked. Without it, a request on a dead one waits for its timeout.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Which versions of HTTP a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versions {
    /// HTTP/2 if the service offers it in the TLS handshake, otherwise HTTP/1.1.
    Negotiated,
    /// Nothing but HTTP/2.
    Http2,
}

/// The connections to one service.
pub(super) struct Http {
    client: Client,
    /// The service's name in the log.
    service: &'static str,
}

impl Http {
    /// `ca_file`: certificates (PEM) that are trusted in place of the system's.
    pub(super) fn open(
        service: &'static str,
        timeout: Duration,
        versions: Versions,
        ca_file: Option<&Path>,
    ) -> Result<Self, SetupError> {
        let mut builder = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_TIMEOUT))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_INTERVAL)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("tidegate");
        if versions == Versions::Http2 {
            builder = builder.http2_prior_knowledge();
        }
        if let Some(file) = ca_file {
            builder = trusting(builder, file)?;
        }
        let client = builder.build().map_err(|source| SetupError::Http { service, source })?;
        Ok(Self { client, service })
    }

    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let response = request.send().await.map_err(|error| self.trouble(&error))?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        Ok(Answer { service: self.service, status, retry_after, body: body(response).await })
    }

    /// Whether the host of the URL answers, whatever it answers. Path and query are left out: they may mean something.
    pub(super) async fn reach(&self, mut url: Url) -> Result<(), Obstacle> {
        url.set_path("/");
        url.set_query(None);
        match self.client.head(url).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.is_timeout() => Err(Obstacle::Slow),
            Err(error) => Err(Obstacle::of_connection(&error)),
        }
    }

    /// Drops the error, because it quotes the URL.
    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        let why = match error {
            error if error.is_timeout() => return Trouble::Slow,
            error if error.is_connect() => "it cannot be reached, or the encryption failed",
            error if error.is_builder() => "the request cannot be put together",
            _ => "it hung up, or its answer is no HTTP",
        };
        Trouble::Service { service: self.service, why }
    }
}

/// An answer. It has no `Debug`, because its body may quote what was sent.
pub(super) struct Answer {
    service: &'static str,
    pub(super) status: u16,
    retry_after: Option<Span>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// `None`: the body is no JSON, or too long.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The word at a JSON pointer (RFC 6901), if it is a known one. Others are not logged, because they may quote what
    /// was sent.
    pub(super) fn known_word(&self, pointer: &str, words: &[&'static str]) -> &'static str {
        let body = self.json().unwrap_or_default();
        known(body.pointer(pointer).and_then(Value::as_str).unwrap_or_default(), words)
    }

    pub(super) const fn no_sense(&self) -> Trouble {
        Trouble::Service { service: self.service, why: "its answer makes no sense" }
    }

    pub(super) const fn not_accepted(&self, reason: &'static str) -> Trouble {
        Trouble::NotAccepted { service: self.service, status: self.status, reason }
    }

    pub(super) const fn gone(&self, reason: &'static str) -> Trouble {
        Trouble::Gone { service: self.service, reason }
    }

    /// What a status means where the service's documentation gives it no meaning of its own (RFC 9110 §15). `reason`:
    /// a known word of the service.
    pub(super) const fn refusal(&self, reason: &'static str) -> Trouble {
        let (service, status) = (self.service, self.status);
        match status {
            100..=299 => self.no_sense(),
            300..=399 => Trouble::Service { service, why: "it redirects, which is not followed" },
            408 | 425 | 429 | 500.. => Trouble::Busy { service, status, retry_after: self.retry_after },
            413 => Trouble::TooLong { service },
            400 | 406 | 409 | 410 | 422 => Trouble::Rejected { service, status, reason },
            _ => self.not_accepted(reason),
        }
    }
}

pub(super) fn known(word: &str, words: &[&'static str]) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or("no known reason")
}

/// An address of a service: https, or http to this machine, and without a user.
pub(super) fn service_url(service: &'static str, text: &str) -> Result<Url, SetupError> {
    let url = Url::parse(text).ok().filter(|url| url.username().is_empty() && url.password().is_none());
    let is_safe = |url: &Url| url.scheme() == "https" || url.scheme() == "http" && is_this_machine(url);
    url.filter(is_safe).ok_or(SetupError::ServiceUrl { service })
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// A header of the settings. The text of an error names it, but not its value.
pub(super) fn header_name(service: &'static str, name: &str) -> Result<HeaderName, SetupError> {
    let wrong = |_| SetupError::Header { service, name: name.to_owned() };
    HeaderName::from_bytes(name.as_bytes()).map_err(wrong)
}

fn trusting(builder: ClientBuilder, file: &Path) -> Result<ClientBuilder, SetupError> {
    let unusable = |source| SetupError::CaFile { file: file.display().to_string(), source };
    let none = || unusable(std::io::Error::other("it holds no certificate"));
    let certificates =
        Certificate::from_pem_bundle(&fs::read(file).map_err(unusable)?).map_err(|_| none())?;
    if certificates.is_empty() {
        return Err(none());
    }
    Ok(builder.tls_certs_only(certificates))
}

/// As much of the body as fits. A body that breaks off is returned as far as it came: the status says what became of the
/// message, and a message that was accepted must not be sent again because of a body.
async fn body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let left = MAX_BODY - body.len();
        body.extend(chunk.iter().take(left));
        if chunk.len() >= left {
            break;
        }
    }
    body
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds or a date. A date is compared with the `Date` of the same answer, so that
/// the clocks of both sides need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Span> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Span::seconds(text.parse().unwrap_or(i64::MAX)));
    }
    let date = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    Some(Span::seconds((date(text)? - now).whole_seconds().max(0)))
}

#[cfg(test)]
mod tests {
    use axum::http::Version;

    use super::*;
    use crate::tests::http_service::{HttpService, Reply, TIMEOUT};

    fn asked(retry_after: &str, date: Option<&str>) -> Option<Span> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        date.map(|date| headers.insert(DATE, date.parse().unwrap()));
        super::retry_after(&headers)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = Some("Sat, 07 Mar 2026 09:05:30 GMT");
        assert_eq!(asked("120", None), Some(Span::seconds(120)));
        assert_eq!(asked(" 0 ", None), Some(Span::ZERO));
        assert_eq!(asked("99999999999999999999", None), Some(Span::seconds(i64::MAX)));
        assert_eq!(asked("Sat, 07 Mar 2026 09:07:00 GMT", date), Some(Span::seconds(90)));
        assert_eq!(asked("Sat, 07 Mar 2026 09:00:00 GMT", date), Some(Span::ZERO), "it is over");
        assert_eq!(asked("Sat, 07 Mar 2026 09:07:00 GMT", None), None, "the service's clock is not known");
        for nonsense in ["", "-1", "1.5", "soon", "2026-03-07T09:07:00Z"] {
            assert_eq!(asked(nonsense, date), None, "{nonsense}");
        }
    }

    #[test]
    fn a_service_is_reached_by_https_or_on_this_machine() {
        for url in ["https://push.example", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(service_url("it", url).is_ok(), "{url}");
        }
        for url in [
            "http://push.example",
            "http://127.0.0.1.example",
            "https://user@push.example",
            "https://:password@push.example",
            "ftp://localhost",
            "localhost",
            "",
        ] {
            assert!(matches!(service_url("it", url), Err(SetupError::ServiceUrl { .. })), "{url}");
        }
    }

    /// As APNs does: over TLS, the handshake offers HTTP/2 and nothing else.
    #[tokio::test]
    async fn a_service_that_speaks_only_http_2_is_reached_over_tls() {
        let service = HttpService::encrypted(&["h2"], |_| Reply::ok()).await;
        let http = Http::open("it", TIMEOUT, Versions::Http2, Some(&service.ca_file())).unwrap();
        let answer = http.send(http.post(service.url("/").parse().unwrap())).await.ok().unwrap();
        assert_eq!((answer.status, service.arrived()[0].version), (200, Version::HTTP_2));
        let older = HttpService::encrypted(&["http/1.1"], |_| Reply::ok()).await;
        let http = Http::open("it", TIMEOUT, Versions::Http2, Some(&older.ca_file())).unwrap();
        let sent = http.send(http.post(older.url("/").parse().unwrap())).await;
        assert!(matches!(sent, Err(Trouble::Service { .. })));
        assert_eq!(older.arrived().len(), 0);
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_read() {
        let service = HttpService::start(|_| Reply::Endless(200)).await;
        let http = Http::open("it", TIMEOUT, Versions::Negotiated, None).unwrap();
        let answer = http.send(http.post(service.url("/").parse().unwrap())).await.ok().unwrap();
        assert_eq!(answer.body.len(), MAX_BODY);
    }
}
