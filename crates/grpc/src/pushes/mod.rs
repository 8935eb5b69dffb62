//! `PushService`.

mod parse;
mod render;
mod watch;

use crate::stream::Pulled;

crate::door::handlers! { PushService in push_service_server {
    act list_pushes(ListPushesRequest) -> ListPushesResponse = parse::list, render::listed;
    act respond_push(RespondPushRequest) -> RespondPushResponse = parse::respond, render::responded;
    + {
        type WatchPushesStream = Pulled<watch::WatchedDevice>;
        async fn watch_pushes(
            &self,
            request: tonic::Request<tidegate_proto::WatchPushesRequest>,
        ) -> Result<tonic::Response<Pulled<watch::WatchedDevice>>, tonic::Status> {
            watch::begin(self, request).await
        }
    }
} }
