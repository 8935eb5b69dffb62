//! `AuditService`.

mod export;
mod parse;
mod render;
mod tail;

use crate::stream::Pulled;

crate::door::handlers! { AuditService in audit_service_server {
    ask list_events(ListEventsRequest) -> ListEventsResponse = parse::list, render::listed;
    ask verify_chain(VerifyChainRequest) -> VerifyChainResponse = parse::verify, render::verified;
    + {
        type TailEventsStream = Pulled<tail::Tail>;
        async fn tail_events(
            &self,
            request: tonic::Request<tidegate_proto::TailEventsRequest>,
        ) -> Result<tonic::Response<Pulled<tail::Tail>>, tonic::Status> {
            tail::begin(self, request).await
        }

        type ExportEventsStream = Pulled<export::Export>;
        async fn export_events(
            &self,
            request: tonic::Request<tidegate_proto::ExportEventsRequest>,
        ) -> Result<tonic::Response<Pulled<export::Export>>, tonic::Status> {
            export::begin(self, request).await
        }
    }
} }
