//! Bounds of connections: how many there are, how old they become, and how long a handshake may take.

use std::time::Duration;

use http::Request;
use prost::bytes::Bytes;
use tidegate_client::{Client, Settings};
use tidegate_core::Secret;
use tidegate_grpc::ConnectionSettings;
use tidegate_tests::TIMEOUT;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use super::{Setup, call, who_am_i};
use crate::{
    serving::{LASTING, SERVED, serve},
    test_server::TestServer,
};

/// So few connections that there may be 4 handshakes.
const FEW: ConnectionSettings = ConnectionSettings { max: 4, ..LASTING };
/// Every connection is old at once.
const SHORT: ConnectionSettings = ConnectionSettings { max_age: Some(Duration::from_millis(1)), ..LASTING };

#[tokio::test]
async fn handshakes_that_never_end_keep_no_one_out() {
    let server = TestServer::sqlite().await;
    let setup = Setup { settings: tidegate_grpc::Settings { connections: FEW, ..SERVED }, ..Setup::new() };
    let encrypted = setup.serve(&server).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(TcpStream::connect(encrypted.address).await.unwrap());
    }
    assert!(call(&encrypted.settings()).await.is_ok());
    // The oldest were closed by the server, without a byte.
    assert_eq!(silent[0].read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_its_place_is_free_later() {
    let server = TestServer::sqlite().await;
    let connections = ConnectionSettings { max: 1, ..LASTING };
    let (address, _open) = serve(&server.app, tidegate_grpc::Settings { connections, ..SERVED }).await;
    let token = Secret::new(server.operator().token.unwrap());
    let settings =
        Settings { address: format!("http://{address}"), deadline: TIMEOUT, ..Settings::new(token) };
    let first = Client::connect(&settings).await.unwrap();
    who_am_i(&first).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0);
    who_am_i(&first).await.unwrap();
    drop(first);
    // The server learns a moment later that it is gone.
    while call(&settings).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_old_connection_says_goaway_and_finishes_its_calls() {
    let server = TestServer::sqlite().await;
    let (address, _open) = serve(&server.app, tidegate_grpc::Settings { connections: SHORT, ..SERVED }).await;
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(socket).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/tidegate.v1.AccessService/WhoAmI"))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {}", server.operator().token.unwrap()));
    // Is answered before the age, or was never taken.
    let held = sender.send_request(request.body(()).unwrap(), false);
    let told = async {
        while sender.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, told).await.unwrap_or_else(|_| panic!("no GOAWAY"));
    if let Ok((answer, mut body)) = held {
        body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
        let answered = answer.await;
        let refused = |error: h2::Error| error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        assert!(answered.map_or_else(refused, |answer| answer.status() == 200));
    }
    drop(sender);
    match connection.await.unwrap() {
        Ok(()) => {}
        Err(error) => assert!(error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR), "{error}"),
    }
}

#[tokio::test]
async fn a_client_whose_connections_age_opens_others_and_goes_on() {
    let server = TestServer::sqlite().await;
    let (address, _open) = serve(&server.app, tidegate_grpc::Settings { connections: SHORT, ..SERVED }).await;
    let token = Secret::new(server.operator().token.unwrap());
    let settings =
        Settings { address: format!("http://{address}"), deadline: TIMEOUT, ..Settings::new(token) };
    let client = Client::lazy(&settings).unwrap();
    for _ in 0..50 {
        client
            .retrying(async |client| client.access().who_am_i(tidegate_proto::WhoAmIRequest {}).await)
            .await
            .unwrap();
    }
}
