//! Who is calling, and may they call this method at all? One layer, before anything is parsed.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tidegate_core::{Caller, CredentialId, Permission, Refusal, Secret};
use tidegate_service::{House, access::Presented};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::{
    rules::{Access, Rules},
    status,
};

/// A caller who may call the method, by what the contract says of it.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) caller: Arc<Caller>,
    pub(crate) permission: Permission,
}

#[derive(Clone)]
pub(crate) struct IdentityLayer {
    house: House,
    rules: Arc<Rules>,
}

impl IdentityLayer {
    pub(crate) fn new(house: House, rules: Rules) -> Self {
        Self { house, rules: Arc::new(rules) }
    }
}

impl<S> Layer<S> for IdentityLayer {
    type Service = Identity<S>;
    fn layer(&self, inner: S) -> Identity<S> {
        Identity { inner, layer: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Identity<S> {
    inner: S,
    layer: IdentityLayer,
}

impl<S> Service<Request<Body>> for Identity<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The clone that was polled ready is the one to call.
        let spare = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, spare);
        let layer = self.layer.clone();
        // Read before the first await: a request body is not `Sync`, so no reference may cross one.
        let presented = presented(request.headers());
        let path = request.uri().path().to_owned();
        let access = layer.rules.of(&path);
        Box::pin(async move {
            let begun = Instant::now();
            let mut credential = None;
            let answer = match layer.admit(presented, access).await {
                Ok(admitted) => {
                    credential = admitted.as_ref().map(|admitted| admitted.caller.credential);
                    if let Some(admitted) = admitted {
                        request.extensions_mut().insert(admitted);
                    }
                    inner.call(request).await?
                }
                Err(refused) => refused.into_http(),
            };
            let answer = status::own(answer);
            told(&path, credential, &answer, begun);
            Ok(answer)
        })
    }
}

/// A line for each call, for who asks for `tidegate_grpc::identity=debug`: which method, by whom, how it
/// ended, and how long it took. Nothing of what was said.
fn told(path: &str, credential: Option<CredentialId>, answer: &Response<Body>, begun: Instant) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        // An answer that is no error says so behind its body only.
        let code = answer.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
        let credential = credential.map(|id| id.to_string()).unwrap_or_default();
        let micros = begun.elapsed().as_micros();
        tracing::debug!(path, credential, code, micros, "call");
    }
}

impl IdentityLayer {
    /// `None` for a method that asks for nobody. A stranger learns nothing, not even which methods exist.
    async fn admit(
        &self,
        presented: Option<Presented>,
        access: Option<Access>,
    ) -> Result<Option<Admitted>, Status> {
        if access == Some(Access::Public) {
            return Ok(None);
        }
        let presented = presented.ok_or_else(|| status::refused(&Refusal::Unauthenticated))?;
        let caller = self.house.identify(presented).await;
        let caller = caller.map_err(|error| status::of(&self.house, error))?;
        match access {
            Some(Access::Needs(permission)) if caller.may(permission) => {
                Ok(Some(Admitted { caller, permission }))
            }
            Some(Access::Needs(permission)) => {
                Err(status::refused(&Refusal::PermissionDenied { permission }))
            }
            Some(Access::Public) | None => Err(status::no_such_method()),
        }
    }
}

/// `authorization: Bearer tgk_<id>_<secret>`, the id without its own prefix; and the realm that an
/// operator may name.
fn presented(headers: &HeaderMap) -> Option<Presented> {
    let (id, secret) = bearer(headers)?;
    let realm = headers.get("tidegate-realm").map(|named| String::from_utf8_lossy(named.as_bytes()).into());
    Some(Presented { id, secret, realm })
}

fn bearer(headers: &HeaderMap) -> Option<(CredentialId, Secret<String>)> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer tgk_")?;
    let (id, secret) = token.split_once('_')?;
    Some((format!("cred_{id}").parse().ok()?, Secret::new(secret.to_owned())))
}
