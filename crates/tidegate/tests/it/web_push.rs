//! The key that browsers subscribe with is the public half of the one in `web_push.key_file`.

use tidegate_proto as proto;

use crate::{folder::Folder, server::Server};

/// The key of the application server in the example of RFC 8291 §5, and its public half.
pub const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyfWPiYE+n46HLnH0
KqZOF1fJJU3MYrct3AELtAQ+oRyhRANCAAT+M/SrDepxkU21WCP3O1SUj0EwbZIH
Mtu5pZpTKGSCIA5Zent7wmC6HCJ5mFgJkuk5cwAvMBKiiujwa7t45ewP
-----END PRIVATE KEY-----
";
const PUBLIC_KEY: &str =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";

#[tokio::test]
async fn browsers_get_the_key_that_they_subscribe_with() {
    let folder = Folder::empty();
    folder.write("web-push.pem", KEY);
    let without = folder.serve(&[]).await;
    assert_eq!(web_push_key(&without).await, "");
    without.stopped().await;
    let set = ["web_push.key_file=web-push.pem", "web_push.contact=mailto:ops@example.com"];
    let server = folder.serve(&set).await;
    assert_eq!(web_push_key(&server).await, PUBLIC_KEY);
}

async fn web_push_key(server: &Server) -> String {
    let info = server.operator().system().get_server_info(proto::GetServerInfoRequest {}).await;
    info.unwrap().into_inner().web_push_key
}
