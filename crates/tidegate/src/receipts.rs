//! The port at which the gateway for text messages delivers its receipts. It is off unless `sms_receipts.listen` is set.
//!
//! - A request without the token gets 401, and its body is not read. The token is in no log.
//! - Everything is bounded: connections and how long each lives (`listener.rs`), the body, the time to read it, how many
//!   receipts are written at once. A stranger, or a gateway that sends everything again, takes nothing from sign-ins.
//! - 200 tells the gateway to stop, 400 that the receipt will never be understood, 503 to try again.

use std::{future::IntoFuture as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tidegate_core::Secret;
use tidegate_courier::{ReceiptError, ReceiptFormat, ReceiptSettings, Receipts};
use tidegate_store::Store;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    config::Config,
    files::Files,
    listener::BoundedListener,
};

/// Where receipts are posted. The token may follow as one more segment, for gateways that know no header.
pub const PATH: &str = "/sms/receipts";

const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the receipts of one request may take to be written, with the wait for their turn.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests whose receipts are written at once. Few, because sign-ins need the connections to the database too.
const WRITES_AT_ONCE: usize = 2;
const MAX_CONNECTIONS: usize = 64;
/// Longer than a body and its receipts may take.
const CONNECTION_LIFE: Duration = Duration::from_secs(30);
/// How long open requests may take at shutdown.
const LINGER: Duration = Duration::from_secs(1);
/// Fewer characters could be guessed.
const MIN_TOKEN: usize = 16;

/// What the port needs to serve.
pub struct Endpoint {
    receipts: Receipts,
    token: Secret<String>,
    writes: Semaphore,
}

/// Where to listen, and what is served there. `None`: receipts are off.
pub fn endpoint(
    config: &Config,
    store: &Store,
    clock: &Arc<AuthorityClock>,
) -> anyhow::Result<Option<(SocketAddr, Endpoint)>> {
    let Some((address, settings, token)) = settings(config, Files::Here)? else { return Ok(None) };
    let receipts = Receipts::new(store.clone(), clock.clone(), Arc::new(SystemEntropy), settings)
        .context("failed to set up sms_receipts")?;
    Ok(Some((address, Endpoint { receipts, token, writes: Semaphore::new(WRITES_AT_ONCE) })))
}

/// Where to listen, what receipts look like, and the gateway's token. `None`: receipts are off.
pub fn settings(
    config: &Config,
    files: Files,
) -> anyhow::Result<Option<(SocketAddr, ReceiptSettings, Secret<String>)>> {
    let set = &config.sms_receipts;
    let Some(address) = address(config)? else { return Ok(None) };
    ensure!(!set.token_file.as_os_str().is_empty(), "sms_receipts.listen needs sms_receipts.token_file");
    let settings = ReceiptSettings {
        id: set.message_id.clone(),
        status: set.status.clone(),
        delivered: words(&set.delivered),
        failed: words(&set.failed),
    };
    settings.check().context("failed to set up sms_receipts")?;
    let token = token(&set.token_file, files).context("sms_receipts.token_file")?;
    Ok(Some((address, settings, token)))
}

/// `None`: receipts are off.
pub fn address(config: &Config) -> anyhow::Result<Option<SocketAddr>> {
    let listen = &config.sms_receipts.listen;
    if listen.is_empty() {
        return Ok(None);
    }
    let address = listen.parse().ok();
    address.context("sms_receipts.listen must be an address and port such as 127.0.0.1:50053").map(Some)
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Of characters that a URL holds as they are.
fn token(file: &Path, files: Files) -> anyhow::Result<Secret<String>> {
    let read = files.read_secret(file)?;
    let token = read.expose().trim();
    ensure!(
        is_token(token),
        "the token in {} must have {MIN_TOKEN} characters or more, of letters, digits and -._~",
        file.display()
    );
    Ok(Secret::new(token.to_owned()))
}

fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.len() >= MIN_TOKEN && text.bytes().all(plain)
}

pub async fn serve(
    endpoint: Endpoint,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let listener = BoundedListener::new(listener, MAX_CONNECTIONS, CONNECTION_LIFE);
    let router = Router::new()
        .route(PATH, post(take))
        .route(&format!("{PATH}/{{token}}"), post(take))
        .with_state(Arc::new(endpoint));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        ended = served.into_future() => ended,
        () = cut_off => Ok(()),
    }
}

/// Closes the connection with every answer: it would not live long anyway, and a gateway must not send its next receipt
/// into one that ends.
async fn take(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    let (status, text) = match endpoint.take(request).await {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err((status, why)) => (status, why),
    };
    let mut answer = (status, [(CONNECTION, "close")], text + "\n").into_response();
    match status {
        // Some gateways send a password only when they are asked for it (RFC 7617).
        StatusCode::UNAUTHORIZED => {
            answer
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"receipts\""));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    answer
}

/// Why a request was not answered with 200.
type Refused = (StatusCode, String);

fn refused<T>(status: StatusCode, why: &str) -> Result<T, Refused> {
    Err((status, why.to_owned()))
}

impl Endpoint {
    async fn take(&self, request: Request) -> Result<(), Refused> {
        if !self.knows(request.uri().path(), request.headers()) {
            tracing::warn!(class = "RECEIPT_TOKEN", "requests without the token of receipts are refused");
            return refused(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
        }
        let format = format(request.headers());
        let body = body(request).await?;
        let written = tokio::time::timeout(WRITE_TIMEOUT, self.write(&body, format));
        match written.await {
            Ok(Ok(changed)) => {
                tracing::debug!(changed, "receipts were taken");
                Ok(())
            }
            Ok(Err(error @ ReceiptError::Malformed(_))) => {
                tracing::warn!(%error, "a receipt was refused; are sms_receipts.message_id and sms_receipts.status right?");
                refused(StatusCode::BAD_REQUEST, &error.to_string())
            }
            Ok(Err(error @ ReceiptError::TooEarly)) => {
                refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
            }
            Ok(Err(ReceiptError::Store(error))) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "receipts wait, because of the database"
                );
                refused(StatusCode::SERVICE_UNAVAILABLE, "try again")
            }
            Err(_) => {
                tracing::error!("receipts wait: they took too long to be written");
                refused(StatusCode::SERVICE_UNAVAILABLE, "try again")
            }
        }
    }

    /// Waits for its turn.
    async fn write(&self, body: &[u8], format: ReceiptFormat) -> Result<usize, ReceiptError> {
        // It fails only if the semaphore is closed, which it never is.
        let _turn = self.writes.acquire().await.ok();
        self.receipts.take(body, format).await
    }

    /// Whether the request has the token: as Bearer (RFC 6750), as the password of any user (RFC 7617), or in its path.
    fn knows(&self, path: &str, headers: &HeaderMap) -> bool {
        let in_path = path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
        let in_header = headers.get(AUTHORIZATION).and_then(|header| presented(header.to_str().ok()?));
        [in_path, in_header].iter().flatten().any(|given| self.token.matches(given))
    }
}

/// The token in an `Authorization` header.
fn presented(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

/// Whatever is not called a form is read as JSON, because some gateways do not say what they send.
fn format(headers: &HeaderMap) -> ReceiptFormat {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        ReceiptFormat::Form
    } else {
        ReceiptFormat::Json
    }
}

async fn body(request: Request) -> Result<Bytes, Refused> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("more than {MAX_BODY} bytes"));
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(READ_TIMEOUT, to_bytes(request.into_body(), MAX_BODY)).await {
        Ok(Ok(body)) => Ok(body),
        // Or the connection broke, and nothing reads the answer.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_presented_as_bearer_or_as_a_password() {
        for (header, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            // gateway:abc, :abc, gateway:a:b
            ("Basic Z2F0ZXdheTphYmM=", Some("abc")),
            ("basic OmFiYw==", Some("abc")),
            ("Basic Z2F0ZXdheTphOmI=", Some("a:b")),
            // abc
            ("Basic YWJj", None),
            ("Basic abc", None),
            ("Basic", None),
            ("abc", None),
            ("Digest abc", None),
            ("", None),
        ] {
            assert_eq!(presented(header).as_deref(), token, "{header:?}");
        }
    }

    #[test]
    fn a_token_is_long_and_fits_into_a_url() {
        assert!(is_token("0123456789abcdef") && is_token("-._~-._~-._~-._~A"));
        for weak in [
            "",
            "0123456789abcde",
            "0123456789abcde/",
            "0123456789abcdefä",
            "0123456789 abcdef",
            "0123456789abc%20",
        ] {
            assert!(!is_token(weak), "{weak}");
        }
    }

    #[test]
    fn what_is_not_called_a_form_is_json() {
        let of = |kind: Option<&'static str>| {
            format(&kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))).into_iter().collect())
        };
        for kind in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"]
        {
            assert_eq!(of(Some(kind)), ReceiptFormat::Form, "{kind}");
        }
        for kind in [None, Some("application/json"), Some("text/plain"), Some("")] {
            assert_eq!(of(kind), ReceiptFormat::Json, "{kind:?}");
        }
    }
}
