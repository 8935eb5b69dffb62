//! The baseline: a tonic server with the transport settings of `grpc/src/server.rs` and no layer, which
//! returns what it got, or an answer that was made before.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use prost::Message as _;
use tidegate_proto as proto;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status, async_trait,
    transport::{Server, server::TcpIncoming},
};

pub use self::wire::echo_client::EchoClient;
use self::wire::echo_server::{Echo, EchoServer};

mod wire {
    #![expect(
        clippy::pedantic,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/tidegate.bench.Echo.rs"));
}

#[derive(clap::Args)]
pub struct Canned {
    /// An `EvaluateResponse`, encoded.
    one: PathBuf,
    /// A `BatchEvaluateResponse`, encoded.
    batch: PathBuf,
}

struct Answers {
    one: proto::EvaluateResponse,
    batch: proto::BatchEvaluateResponse,
}

#[async_trait]
impl Echo for Answers {
    async fn same(
        &self,
        request: Request<proto::EvaluateRequest>,
    ) -> Result<Response<proto::EvaluateRequest>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn canned(
        &self,
        _: Request<proto::EvaluateRequest>,
    ) -> Result<Response<proto::EvaluateResponse>, Status> {
        Ok(Response::new(self.one.clone()))
    }

    async fn same_batch(
        &self,
        request: Request<proto::BatchEvaluateRequest>,
    ) -> Result<Response<proto::BatchEvaluateRequest>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn canned_batch(
        &self,
        _: Request<proto::BatchEvaluateRequest>,
    ) -> Result<Response<proto::BatchEvaluateResponse>, Status> {
        Ok(Response::new(self.batch.clone()))
    }

    async fn same_token(
        &self,
        request: Request<proto::IntrospectRequest>,
    ) -> Result<Response<proto::IntrospectRequest>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

pub async fn serve(canned: Canned) -> anyhow::Result<()> {
    let read = |path| std::fs::read(path).context("failed to read an answer");
    let answers = Answers {
        one: proto::EvaluateResponse::decode(&*read(canned.one)?)?,
        batch: proto::BatchEvaluateResponse::decode(&*read(canned.batch)?)?,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("Echo serves gRPC on {}.", listener.local_addr()?);
    Server::builder()
        .max_concurrent_streams(256)
        .http2_max_header_list_size(16 * 1024)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .add_service(EchoServer::new(answers))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}
