//! `ExportAccount`: records the export, then reads what is stored part by part and sends it.

use tidegate_proto as proto;
use tidegate_service::support::{AccountExport, AccountExported, ReadAccountExport};
use tonic::{Request, Response, Status};

use super::parse;
use crate::{
    door::Door,
    stream::{Pulled, Source, Watch},
};

pub(crate) struct AccountLines {
    watch: Watch,
    /// `None` when everything was read.
    next: Option<AccountExport>,
}

pub(super) async fn begin(
    door: &Door,
    request: Request<proto::ExportAccountRequest>,
) -> Result<Response<Pulled<AccountLines>>, Status> {
    let (watch, export) = door.begin_by(request, parse::export).await?;
    Ok(Response::new(Pulled::from(AccountLines { watch, next: Some(export) })))
}

impl Source for AccountLines {
    type Message = proto::ExportAccountResponse;

    async fn next(mut self) -> Result<Option<(proto::ExportAccountResponse, Self)>, Status> {
        loop {
            self.watch.goes_on().await?;
            let Some(export) = self.next.take() else { return Ok(None) };
            let AccountExported { lines, next } = self.watch.ask(ReadAccountExport(export)).await?;
            self.next = next;
            if !lines.is_empty() {
                return Ok(Some((proto::ExportAccountResponse { lines }, self)));
            }
        }
    }
}
