//! Who calls: a credential, a voice, and a way to a server.

use std::time::Duration;

use prost::{Message, Name};
use tidegate_client::Refused;
use tidegate_core::Span;
use tidegate_proto as proto;
use tonic::{Request, Response, Status, Streaming, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use crate::{
    rpc::{self, Rpc, Streams},
    test_server::TestServer,
    text,
};

/// Cheap to clone. Each call of a loud actor is in the transcript, and advances the server's clock by one
/// second.
#[derive(Clone)]
pub struct Actor {
    pub name: String,
    pub server: TestServer,
    pub channel: Channel,
    /// `None`: it sends no credential.
    pub token: Option<String>,
    /// The id of its credential.
    pub credential: String,
    /// What it sends as `tidegate-realm`.
    pub realm: Option<String>,
    deadline: Option<Duration>,
    voice: Voice,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    Loud,
    Quiet,
}

impl Actor {
    pub fn new(name: &str, server: &TestServer, token: Option<String>) -> Self {
        let channel = server.channel();
        Self {
            name: name.to_owned(),
            server: server.clone(),
            channel,
            token,
            credential: String::new(),
            realm: None,
            deadline: None,
            voice: Voice::Loud,
        }
    }

    /// The same actor, quiet: nothing is written to the transcript, and the clock does not advance.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { voice: Voice::Quiet, ..self.clone() }
    }

    /// The same actor under another name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same actor, loud.
    #[must_use]
    pub fn aloud(&self) -> Self {
        Self { voice: Voice::Loud, ..self.clone() }
    }

    /// The same actor, calling another server.
    #[must_use]
    pub fn at(&self, channel: Channel) -> Self {
        Self { channel, ..self.clone() }
    }

    /// The same actor, naming another realm.
    #[must_use]
    pub fn in_realm(&self, key: &str) -> Self {
        Self { realm: Some(key.to_owned()), ..self.clone() }
    }

    /// The same actor with another token.
    #[must_use]
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same actor with a deadline.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    pub async fn call<M: Rpc>(&self, request: M) -> Result<M::Answer, Refused> {
        self.say(M::method(), &request);
        let mut grpc = self.grpc();
        grpc.ready().await.unwrap();
        let codec: ProstCodec<M, M::Answer> = ProstCodec::default();
        self.hear(grpc.unary(self.signed(request), rpc::path_of(M::method()), codec).await)
    }

    /// The answer of a call that succeeds.
    pub async fn ok<M: Rpc>(&self, request: M) -> M::Answer {
        self.call(request).await.unwrap_or_else(|refused| panic!("{} was refused: {refused}", M::method()))
    }

    /// The refusal of a call that is refused.
    pub async fn refused<M: Rpc>(&self, request: M) -> Refused {
        let answer = self.call(request).await;
        answer.err().unwrap_or_else(|| panic!("{} was not refused", M::method()))
    }

    /// Sends the rows in one message. The transcript only counts them when they are many.
    pub async fn import(
        &self,
        rows: Vec<proto::ImportRow>,
    ) -> Result<proto::ImportAccountsResponse, Refused> {
        let count = rows.len();
        let message = proto::ImportAccountsRequest { rows };
        if count > 5 {
            self.write("ImportAccounts", &format!("{{ {count} rows }}"));
        } else {
            self.say("ImportAccounts", &message);
        }
        let mut grpc = self.grpc();
        grpc.ready().await.unwrap();
        let codec: ProstCodec<proto::ImportAccountsRequest, proto::ImportAccountsResponse> =
            ProstCodec::default();
        let messages = self.signed(tokio_stream::once(message));
        self.hear(grpc.client_streaming(messages, rpc::path_of("ImportAccounts"), codec).await)
    }

    /// Begins a stream of answers.
    pub async fn stream<M: Streams>(&self, request: M) -> Result<Heard<M::Answer>, Refused> {
        let method = M::NAME.strip_suffix("Request").unwrap();
        self.say(method, &request);
        let mut grpc = self.grpc();
        grpc.ready().await.unwrap();
        let codec: ProstCodec<M, M::Answer> = ProstCodec::default();
        match grpc.server_streaming(self.signed(request), rpc::path_of(method), codec).await {
            Ok(answer) => Ok(Heard { messages: answer.into_inner(), actor: self.clone() }),
            Err(status) => Err(self.hear::<M::Answer>(Err(status)).err().unwrap()),
        }
    }

    pub fn grpc(&self) -> Grpc<Channel> {
        Grpc::new(self.channel.clone())
    }

    pub fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(realm) = &self.realm {
            request.metadata_mut().insert("tidegate-realm", realm.parse().unwrap());
        }
        request
    }

    fn say<M: Message + Name>(&self, method: &str, request: &M) {
        self.write(method, &text::of(request));
    }

    fn write(&self, method: &str, what: &str) {
        if self.voice == Voice::Loud {
            self.server.clock.advance(Span::seconds(1));
            self.server.transcript.ask(&self.name, method, what);
        }
    }

    fn hear<M: Message + Name>(&self, answer: Result<Response<M>, Status>) -> Result<M, Refused> {
        let answer = answer.map(Response::into_inner).map_err(|status| Refused::of(&status));
        if self.voice == Voice::Loud {
            self.server.transcript.answer(&answer);
        }
        answer
    }
}

/// Answers as they come.
pub struct Heard<M> {
    messages: Streaming<M>,
    actor: Actor,
}

impl<M: Message + Name + Default + 'static> Heard<M> {
    /// `None` at the end.
    pub async fn next(&mut self) -> Result<Option<M>, Refused> {
        match self.messages.message().await {
            Ok(None) => Ok(None),
            Ok(Some(message)) => self.actor.hear(Ok(Response::new(message))).map(Some),
            Err(status) => self.actor.hear(Err(status)).map(Some),
        }
    }

    /// The next answer. There must be one.
    pub async fn one(&mut self) -> M {
        self.next().await.unwrap_or_else(|refused| panic!("{refused}")).unwrap_or_else(|| panic!("no more"))
    }

    /// The refusal that ends the stream, whatever came before.
    pub async fn end(&mut self) -> Refused {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended well"),
                Err(refused) => return refused,
            }
        }
    }
}
