//! Calls that are open when the server begins to drain.

use super::{EVALUATE, IMPORT, NOTHING, WHO_AM_I, Wire, told};
use crate::{
    serving::{SERVED, serve},
    test_server::TestServer,
};

/// Requests that have begun, and of which nothing more comes.
const BEGUN: &[&[u8]] = &[b"", NOTHING.split_at(3).0, NOTHING];

#[tokio::test]
async fn a_request_that_does_not_end_does_not_hold_the_drain_up() {
    let server = TestServer::sqlite().await;
    let (address, open) = serve(&server.app, SERVED).await;
    let (wire, operator) = (Wire::to(address).await, server.operator());
    let mut held = Vec::new();
    // A message of an import is carried out before the next one comes, so it is not held whole.
    for (path, begun) in [(WHO_AM_I, BEGUN), (EVALUATE, BEGUN), (IMPORT, &BEGUN[..2])] {
        for begun in begun {
            held.push((path, begun.len(), wire.hold(wire.signed(&operator, path), &[begun]).await));
        }
    }
    // Answered on the same connection after all of them, so each has begun.
    assert_eq!(told(wire.send(wire.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    drop(open);
    for (path, bytes, held) in held {
        let answer = told(wire.read(held).await);
        assert_eq!(answer, "Unavailable: CLOSING", "{path} after {bytes} bytes");
    }
}
