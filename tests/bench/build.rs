//! Generates the echo: a plain tonic service, which has nothing of Tidegate but the messages.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("::tidegate_proto::{input}"))
            .output_type(format!("::tidegate_proto::{output}"))
            .codec_path("::tonic_prost::ProstCodec")
            .build()
    };
    let echo = Service::builder()
        .package("tidegate.bench")
        .name("Echo")
        .method(method("same", "Same", "EvaluateRequest", "EvaluateRequest"))
        .method(method("canned", "Canned", "EvaluateRequest", "EvaluateResponse"))
        .method(method("same_batch", "SameBatch", "BatchEvaluateRequest", "BatchEvaluateRequest"))
        .method(method("canned_batch", "CannedBatch", "BatchEvaluateRequest", "BatchEvaluateResponse"))
        .method(method("same_token", "SameToken", "IntrospectRequest", "IntrospectRequest"))
        .build();
    Builder::new().compile(&[echo]);
    println!("cargo:rerun-if-changed=build.rs");
}
