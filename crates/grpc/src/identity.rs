//! Who is calling, and may they call this method at all?

use std::sync::Arc;

use http::{HeaderName, Request, header::AUTHORIZATION};
use tidegate_core::{Caller, CredentialId, Permission, Refusal};
use tidegate_service::{App, access::PresentedCredential};
use tonic::Status;

use crate::{headers, rules::Access, status};

const TIDEGATE_REALM: HeaderName = HeaderName::from_static("tidegate-realm");

/// A caller whose role has the permission that the contract demands for the method.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) caller: Arc<Caller>,
    pub(crate) permission: Permission,
}

/// `None` for a public method. The credential is checked first, so that an unauthenticated caller
/// cannot find out which methods exist.
pub(crate) async fn admit(
    app: &App,
    presented: Result<PresentedCredential, PresentedFault>,
    access: Option<Access>,
) -> Result<Option<Admitted>, Status> {
    if access == Some(Access::Public) {
        return Ok(None);
    }
    let presented = presented.map_err(|fault| fault.status(app))?;
    let caller = app.identify(presented).await.map_err(|error| status::of(app, error))?;
    match access {
        Some(Access::Needs(permission)) if caller.may(permission) => {
            Ok(Some(Admitted { caller, permission }))
        }
        Some(Access::Needs(permission)) => {
            Err(status::of(app, Refusal::PermissionDenied { permission }.into()))
        }
        Some(Access::Public) | None => Err(status::no_such_method()),
    }
}

/// Why no credential can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PresentedFault {
    Unauthenticated,
    Realm,
}

impl PresentedFault {
    fn status(self, app: &App) -> Status {
        match self {
            Self::Unauthenticated => status::of(app, Refusal::Unauthenticated.into()),
            Self::Realm => status::malformed("tidegate-realm", "must be given once, as the key of a realm"),
        }
    }
}

/// The credential that the client certificate of the connection stands for. In the extensions of each
/// of its requests, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerCredential(pub(crate) CredentialId);

/// The credential of `authorization: Bearer tgk_<id>_<secret>`, and the realm that an operator may name.
/// Without that header, the credential that the client certificate stands for.
///
/// Each header must be given once: of two, a proxy may have checked or added one while the server
/// reads the other. A proxy may also have joined them with a comma, which neither a token nor the
/// key of a realm contains.
pub(crate) fn presented<B>(request: &Request<B>) -> Result<PresentedCredential, PresentedFault> {
    let (headers, unauthenticated) = (request.headers(), PresentedFault::Unauthenticated);
    let authorization = headers::one(headers, &AUTHORIZATION).map_err(|headers::Several| unauthenticated)?;
    let token = authorization.map(|text| text.to_str().ok().and_then(bearer).ok_or(unauthenticated));
    let (token, peer) = (token.transpose()?, request.extensions().get::<PeerCredential>());
    // A caller that is not known is told nothing of its other headers.
    if token.is_none() && peer.is_none() {
        return Err(unauthenticated);
    }
    let realm = headers::one(headers, &TIDEGATE_REALM).map_err(|headers::Several| PresentedFault::Realm)?;
    let realm = realm.map(|named| named.to_str().ok().filter(|named| !named.contains(',')));
    let realm = realm.map(|named| named.ok_or(PresentedFault::Realm)).transpose()?;
    let realm = realm.map(str::to_owned);
    let presented = match token {
        Some(token) => PresentedCredential::read(token, realm),
        None => peer.map(|PeerCredential(id)| PresentedCredential::verified(*id, realm)),
    };
    presented.ok_or(unauthenticated)
}

/// RFC 9110 §11.1 and §11.4: a scheme in any case, one or more spaces, and the token.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start_matches(' '))
}
