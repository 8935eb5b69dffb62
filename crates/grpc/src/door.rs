//! What every handler does: take the caller, parse, call, render.

use std::sync::Arc;

use prost::Message;
use tidegate_core::{Caller, Permission, Refusal};
use tidegate_proto as proto;
use tidegate_service::{App, Command, Query, accounts::Disclosure};
use tonic::{Extensions, Request, Response, Status};

use crate::{form::Form, identity::Admitted, status, stream::Streams};

#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) app: App,
    pub(crate) streams: Streams,
}

impl Door {
    pub(crate) async fn ask<M, Q, R>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<Q>,
        render: fn(Q::Outcome) -> R,
    ) -> Result<Response<R>, Status>
    where
        Q: Query,
    {
        let caller = self.enter(request.extensions(), Q::PERMISSION)?;
        let mut form = Form::default();
        let parsed = parse(request.into_inner(), &mut form);
        let query = form.finish(parsed).map_err(status::invalid)?;
        let outcome = self.app.ask(caller, query).await;
        outcome.map(|outcome| Response::new(render(outcome))).map_err(|error| status::of(&self.app, error))
    }

    pub(crate) async fn show<M, D, R>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<D>,
        render: fn(D::Outcome) -> R,
    ) -> Result<Response<R>, Status>
    where
        D: Disclosure,
    {
        let caller = self.enter(request.extensions(), D::PERMISSION)?;
        let mut form = Form::default();
        let parsed = parse(request.into_inner(), &mut form);
        let query = form.finish(parsed).map_err(status::invalid)?;
        let outcome = self.app.show(caller, query).await;
        outcome.map(|outcome| Response::new(render(outcome))).map_err(|error| status::of(&self.app, error))
    }

    pub(crate) async fn act<M, C, R>(
        &self,
        request: Request<M>,
        parse: fn(M, &mut Form) -> Option<C>,
        render: fn(C::Outcome) -> R,
    ) -> Result<Response<R>, Status>
    where
        M: Message + proto::Request,
        C: Command,
    {
        let caller = self.enter(request.extensions(), C::PERMISSION)?;
        let message = request.into_inner();
        let mut form = Form::default();
        let once = form.request(&message);
        let parsed = parse(message, &mut form);
        let (command, once) = form.finish(parsed.zip(once)).map_err(status::invalid)?;
        let outcome = self.app.act(caller, command, once).await;
        outcome.map(|outcome| Response::new(render(outcome))).map_err(|error| status::of(&self.app, error))
    }

    /// The caller that the gate admitted. Fails if the contract and the use case name different
    /// permissions.
    pub(crate) fn enter(&self, extensions: &Extensions, needed: Permission) -> Result<Arc<Caller>, Status> {
        // The gate inserts it, and no request gets here without passing the gate.
        let admitted = extensions.get::<Admitted>();
        let admitted = admitted.ok_or_else(|| status::refused(&Refusal::Unauthenticated))?;
        if admitted.permission == needed {
            return Ok(admitted.caller.clone());
        }
        Err(status::contradiction(&self.app, admitted.permission, needed))
    }
}

/// A service's handlers, one a line: `act`, `ask` or `show`, the method, its messages, its parser and its
/// renderer.
macro_rules! handlers {
    ($service:ident in $module:ident {
        $($way:ident $method:ident($request:ident) -> $response:ident = $parse:path, $render:path;)+
        $(+ { $($rest:tt)+ })?
    }) => {
        #[tonic::async_trait]
        impl tidegate_proto::$module::$service for $crate::door::Door {
            $(async fn $method(
                &self,
                request: tonic::Request<tidegate_proto::$request>,
            ) -> Result<tonic::Response<tidegate_proto::$response>, tonic::Status> {
                self.$way(request, $parse, $render).await
            })+
            $($($rest)+)?
        }
    };
}
pub(crate) use handlers;
