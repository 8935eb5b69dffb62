//! `authorization` and `tidegate-realm` must be given once, or not at all. If a proxy checks one of two
//! headers and the server reads the other, an attacker bypasses the proxy.

use http::HeaderValue;

use super::{NOTHING, WHO_AM_I, Wire, bearer, told};
use crate::test_server::TestServer;
use tidegate_core::Role;
use tidegate_proto as proto;

const UNKNOWN: &str = "Unauthenticated: UNAUTHENTICATED";

#[tokio::test]
async fn one_credential_is_read_whatever_the_case_of_its_scheme() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let token = operator.token.clone().unwrap();
    let send = async |values: &[&[u8]]| {
        let request = values.iter().fold(wire.request(WHO_AM_I), |request, value| {
            request.header("authorization", HeaderValue::from_bytes(value).unwrap())
        });
        told(wire.send(request, &[NOTHING]).await)
    };
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer   "] {
        assert_eq!(send(&[format!("{scheme}{token}").as_bytes()]).await, "OK", "{scheme:?}");
    }
    let good = format!("Bearer {token}");
    let odd = [good.as_bytes(), b"\xff"].concat();
    let other = format!("Bearer tgk_01h2xcejqtf2nbrexx3vqjhp41_{}", "0".repeat(64));
    for (what, values) in [
        ("no scheme", vec![token.as_bytes()]),
        ("another scheme", vec![format!("Basic {token}").as_bytes().to_vec().leak()]),
        ("a scheme that begins so", vec![format!("Bearers {token}").as_bytes().to_vec().leak()]),
        ("no space", vec![format!("Bearer{token}").as_bytes().to_vec().leak()]),
        ("a tab", vec![format!("Bearer\t{token}").as_bytes().to_vec().leak()]),
        ("nothing but the scheme", vec![b"Bearer"]),
        ("nothing after the scheme", vec![b"Bearer "]),
        ("nothing", vec![b""]),
        ("bytes that are no text", vec![&odd]),
        ("letters beyond ASCII", vec!["Bearer tgk_ä_ö".as_bytes()]),
        ("the same twice", vec![good.as_bytes(), good.as_bytes()]),
        ("another one before it", vec![other.as_bytes(), good.as_bytes()]),
        ("another one after it", vec![good.as_bytes(), other.as_bytes()]),
        ("an empty one before it", vec![b"", good.as_bytes()]),
        ("an empty one after it", vec![good.as_bytes(), b""]),
        ("another scheme beside it", vec![good.as_bytes(), b"Basic dTpw"]),
        ("two joined", vec![format!("{good}, {good}").into_bytes().leak()]),
        ("two joined without a space", vec![format!("{good},{other}").into_bytes().leak()]),
        ("an empty one joined", vec![format!("{good},").into_bytes().leak()]),
        ("an empty one joined before it", vec![format!(", {good}").into_bytes().leak()]),
        ("parameters", vec![format!("{good} realm=main").into_bytes().leak()]),
    ] {
        assert_eq!(send(&values).await, UNKNOWN, "{what}");
    }
}

#[tokio::test]
async fn one_realm_is_read() {
    let server = TestServer::sqlite().await;
    server.realm("other").await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let admin = server.actor("admin", Role::Admin).await;
    let send = async |actor: Option<&crate::actor::Actor>, realms: &[&[u8]]| {
        let request = wire.request(WHO_AM_I);
        let request = match actor {
            Some(actor) => request.header("authorization", bearer(actor)),
            None => request,
        };
        let request = realms.iter().fold(request, |request, realm| {
            request.header("tidegate-realm", HeaderValue::from_bytes(realm).unwrap())
        });
        wire.send(request, &[NOTHING]).await.unwrap()
    };
    let reply = send(Some(&operator), &[b"other"]).await;
    let answer = <proto::WhoAmIResponse as prost::Message>::decode(&reply.body[5..]).unwrap();
    assert_eq!(answer.realm, "other");
    for realms in [
        &[&b"main"[..], b"other"][..],
        &[b"other", b"main"],
        &[b"main", b"main"],
        &[b"", b"main"],
        &[b"main, other"],
        &[b"main,other"],
        &[b"main,"],
        &[b"ma\xff"],
        &["mäin".as_bytes()],
    ] {
        // This holds for every caller, though only an operator's header counts: neither of two headers is the
        // right one.
        for actor in [&operator, &admin] {
            let must = "tidegate-realm must be given once, as the key of a realm";
            let told = send(Some(actor), realms).await.told();
            assert_eq!(told, format!("InvalidArgument: INVALID_REQUEST; {must}"), "{realms:?}");
        }
        assert_eq!(send(None, realms).await.told(), UNKNOWN, "{realms:?}");
    }
    assert_eq!(send(Some(&operator), &[b"No Where"]).await.told(), "NotFound: REALM_NOT_FOUND");
    assert_eq!(send(Some(&admin), &[b"No Where"]).await.told(), "OK");
}
