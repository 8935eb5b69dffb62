//! Follows what waits for a device, through ends of the stream, restarts of the server and lost connections.
//!
//! ```text
//! WatchPushes ──► messages ── STREAM_ENDED, CLOSING, UNAVAILABLE, a lost or silent connection ──► wait ──► WatchPushes
//!             └────────────── anything else ──► the error
//! ```

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use tidegate_proto as proto;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Code, Status, Streaming};

use super::{Device, DeviceError, PushMethod};
use crate::{Refused, Retries};

/// The server sends a message at least every 15 seconds. A connection that is silent for longer than this is lost.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);

/// A watch that does not end by itself; see [`Device::watch`].
#[derive(Debug)]
pub struct PushWatch {
    device: Device,
    push_address: Option<proto::PushAddress>,
    stream: Option<Streaming<proto::WatchPushesResponse>>,
    /// Calls and streams in a row that failed without a message.
    failures: u32,
    resume_at: Option<Instant>,
}

impl PushWatch {
    pub(super) const fn new(device: Device, push_address: Option<proto::PushAddress>) -> Self {
        Self { device, push_address, stream: None, failures: 0, resume_at: None }
    }

    /// Waits for the next message: everything that waits for the device then, the newest first, perhaps nothing. The
    /// future may be dropped and the method called again; no message is lost.
    ///
    /// # Errors
    /// The server refused for good. Another call tries again.
    pub async fn next(&mut self) -> Result<Vec<proto::Push>, DeviceError> {
        loop {
            if let Some(at) = self.resume_at {
                sleep_until(at).await;
                self.resume_at = None;
            }
            let was_open = self.stream.is_some();
            let status = match self.step().await? {
                Ok(Some(message)) => {
                    self.failures = 0;
                    return Ok(message.pushes);
                }
                Ok(None) => continue,
                Err(status) => status,
            };
            self.stream = None;
            self.failures = self.failures.saturating_add(1);
            let refused = Refused::of(&status);
            let is_lost = was_open && is_of_a_lost_connection(&refused);
            let Some(wait) = wait(self.device.client.retries(), &refused, is_lost, self.failures) else {
                return Err(refused.into());
            };
            self.resume_at = Some(Instant::now() + spread(wait, &self.device.factor_id));
        }
    }

    /// Opens the stream, which gives no message yet, or reads from it.
    async fn step(&mut self) -> Result<Result<Option<proto::WatchPushesResponse>, Status>, DeviceError> {
        let Some(stream) = &mut self.stream else {
            return Ok(self.open().await?.map(|stream| {
                self.stream = Some(stream);
                None
            }));
        };
        Ok(match timeout(SILENCE_TIMEOUT, stream.message()).await {
            Ok(Ok(None)) => Err(Status::unavailable("the stream ended")),
            Ok(read) => read,
            Err(_) => Err(Status::unavailable("the server is silent")),
        })
    }

    /// Each call has a proof of its own: the server takes one for 2 minutes only.
    async fn open(&self) -> Result<Result<Streaming<proto::WatchPushesResponse>, Status>, DeviceError> {
        let push_address = self.push_address.clone();
        let device = Some(self.device.proof(PushMethod::WatchPushes, push_address.as_ref())?);
        let request = proto::WatchPushesRequest { device, push_address };
        let mut pushes = self.device.client.without_deadline().pushes();
        Ok(match timeout(SILENCE_TIMEOUT, pushes.watch_pushes(request)).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::unavailable("the server is silent")),
        })
    }
}

/// Whether a stream that was open may have ended so because its connection broke.
const fn is_of_a_lost_connection(refused: &Refused) -> bool {
    refused.reason.is_none() && matches!(refused.code, Code::Cancelled | Code::Unknown | Code::Internal)
}

/// How long to wait before the next call, at least what the server asks for; `None`: another call does not help.
fn wait(retries: Retries, refused: &Refused, is_lost: bool, failures: u32) -> Option<Duration> {
    let is_temporary = match refused.code {
        Code::Unavailable => true,
        Code::ResourceExhausted => refused.retry_after.is_some(),
        _ => is_lost,
    };
    let doublings = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let backoff = retries.first_wait.saturating_mul(doublings).min(retries.longest_wait);
    is_temporary.then(|| backoff.max(refused.retry_after.unwrap_or_default()))
}

/// Up to a half longer, by a share that is fixed for each device: all devices that lost one server must not call the next
/// one at once.
fn spread(wait: Duration, factor_id: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    factor_id.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 512).unwrap_or(0);
    wait.saturating_add(wait.saturating_mul(share) / 1_024)
}

#[cfg(test)]
mod tests {
    use tidegate_core::Secret;
    use tidegate_proto::{
        ErrorReason,
        push_service_server::{PushService, PushServiceServer},
    };
    use tokio::{net::TcpListener, sync::mpsc};
    use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
    use tonic::{Request, Response};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::{Client, Settings, device::key::tests as fixed};

    type Messages = Vec<Result<proto::WatchPushesResponse, Status>>;

    /// A server that answers each call with the next script, and then never again.
    struct ScriptedServer {
        scripts: tokio::sync::Mutex<mpsc::Receiver<Result<Messages, Status>>>,
    }

    #[tonic::async_trait]
    impl PushService for ScriptedServer {
        type WatchPushesStream = ReceiverStream<Result<proto::WatchPushesResponse, Status>>;

        async fn list_pushes(
            &self,
            _: Request<proto::ListPushesRequest>,
        ) -> Result<Response<proto::ListPushesResponse>, Status> {
            Err(Status::unimplemented("not scripted"))
        }

        async fn watch_pushes(
            &self,
            request: Request<proto::WatchPushesRequest>,
        ) -> Result<Response<Self::WatchPushesStream>, Status> {
            assert_eq!(request.into_inner().device.unwrap().factor_id, "fac_1");
            let script = self.scripts.lock().await.recv().await.ok_or(Status::not_found("no script"))??;
            let (messages, sent) = mpsc::channel(script.len().max(1));
            for message in script {
                messages.send(message).await.unwrap();
            }
            Ok(Response::new(ReceiverStream::new(sent)))
        }

        async fn respond_push(
            &self,
            _: Request<proto::RespondPushRequest>,
        ) -> Result<Response<proto::RespondPushResponse>, Status> {
            Err(Status::unimplemented("not scripted"))
        }
    }

    /// A watch of a server with these scripts.
    async fn watch(scripts: Vec<Result<Messages, Status>>) -> PushWatch {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, receiver) = mpsc::channel(scripts.len());
        for script in scripts {
            sender.send(script).await.unwrap();
        }
        let server = PushServiceServer::new(ScriptedServer { scripts: receiver.into() });
        let server = tonic::transport::Server::builder().add_service(server);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let retries = Retries { first_wait: Duration::ZERO, ..Retries::default() };
        let settings = Settings { address, retries, ..Settings::new(Secret::new("tgk_1_x".to_owned())) };
        Device::new(Client::lazy(&settings).unwrap(), fixed::key(), "fac_1", fixed::at).watch(None)
    }

    #[expect(clippy::unnecessary_wraps, reason = "a message of a stream is a result")]
    fn message(challenge: &str) -> Result<proto::WatchPushesResponse, Status> {
        let push = proto::Push { challenge_id: challenge.to_owned(), ..Default::default() };
        Ok(proto::WatchPushesResponse { pushes: vec![push] })
    }

    fn ended(reason: &str) -> Status {
        let mut details = ErrorDetails::with_retry_info(Some(Duration::ZERO));
        details.set_error_info(reason, "tidegate.dev", []);
        Status::with_error_details(Code::Unavailable, "call again", details)
    }

    #[tokio::test]
    async fn a_stream_that_ends_is_opened_again() {
        let not_valid = ErrorDetails::with_error_info("DEVICE_NOT_VALID", "tidegate.dev", []);
        let not_valid = Status::with_error_details(Code::PermissionDenied, "no", not_valid);
        let mut watch = watch(vec![
            Ok(vec![message("1"), Err(ended("STREAM_ENDED"))]),
            Err(ended("CLOSING")),
            Err(Status::unavailable("no upstream")),
            Ok(vec![]),
            Ok(vec![message("2"), message("3"), Err(Status::unknown("h2 protocol error"))]),
            Ok(vec![message("4"), Err(not_valid)]),
        ])
        .await;
        for expected in ["1", "2", "3", "4"] {
            assert_eq!(watch.next().await.unwrap()[0].challenge_id, expected);
        }
        let Err(DeviceError::Refused(refused)) = watch.next().await else { panic!("not refused") };
        assert_eq!(refused.code, Code::PermissionDenied);
    }

    #[tokio::test]
    async fn a_refusal_of_the_call_is_returned_and_the_next_call_tries_again() {
        let mut watch =
            watch(vec![Err(Status::unimplemented("an old server")), Ok(vec![message("1")])]).await;
        let Err(DeviceError::Refused(refused)) = watch.next().await else { panic!("not refused") };
        assert_eq!(refused.code, Code::Unimplemented);
        assert_eq!(watch.next().await.unwrap()[0].challenge_id, "1");
    }

    #[test]
    fn waits_grow_to_a_limit_and_are_as_long_as_the_server_asks() {
        let retries = Retries::default();
        let lost = Refused::of(&Status::unavailable("gone"));
        let waits = |refused: &Refused| {
            [1, 2, 3, 9, 90].map(|failures| wait(retries, refused, false, failures).unwrap().as_millis())
        };
        assert_eq!(waits(&lost), [100, 200, 400, 5_000, 5_000]);
        let reason = Some(ErrorReason::Closing);
        let closing = Refused { reason, retry_after: Some(Duration::from_secs(1)), ..lost };
        assert_eq!(waits(&closing), [1_000, 1_000, 1_000, 5_000, 5_000]);
    }

    #[test]
    fn devices_come_back_at_different_times() {
        let wait = Duration::from_secs(1);
        let spread = ["fac_1", "fac_2", "fac_3"].map(|factor| spread(wait, factor));
        assert!(spread.iter().all(|one| (wait..wait * 3 / 2).contains(one)), "{spread:?}");
        assert!(spread[0] != spread[1] && spread[1] != spread[2], "{spread:?}");
    }
}
