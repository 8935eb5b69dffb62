//! Who is calling, and may they call this method at all?

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};
use tidegate_core::{Caller, Permission, Refusal};
use tidegate_service::{App, access::PresentedCredential};
use tonic::Status;

use crate::{rules::Access, status};

/// A caller who may call the method, by what the contract says of it.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) caller: Arc<Caller>,
    pub(crate) permission: Permission,
}

/// `None` for a method that asks for nobody. A stranger learns nothing, not even which methods exist.
pub(crate) async fn admit(
    app: &App,
    presented: Option<PresentedCredential>,
    access: Option<Access>,
) -> Result<Option<Admitted>, Status> {
    if access == Some(Access::Public) {
        return Ok(None);
    }
    let presented = presented.ok_or_else(|| status::refused(&Refusal::Unauthenticated))?;
    let caller = app.identify(presented).await.map_err(|error| status::of(app, error))?;
    match access {
        Some(Access::Needs(permission)) if caller.may(permission) => {
            Ok(Some(Admitted { caller, permission }))
        }
        Some(Access::Needs(permission)) => Err(status::refused(&Refusal::PermissionDenied { permission })),
        Some(Access::Public) | None => Err(status::no_such_method()),
    }
}

/// Of `authorization: Bearer tgk_<id>_<secret>`, and the realm that an operator may name.
pub(crate) fn presented(headers: &HeaderMap) -> Option<PresentedCredential> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let realm = headers.get("tidegate-realm").map(|named| String::from_utf8_lossy(named.as_bytes()).into());
    PresentedCredential::read(token, realm)
}
