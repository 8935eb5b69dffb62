//! Headers of requests: the credential, the timeout, the encodings; and page tokens.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tidegate_fuzz::fuzz;

use crate::{deadline, headers, identity, render};

/// `name: value`, one a line. What HTTP does not allow never comes here.
fn parsed(text: &[u8]) -> HeaderMap {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(&line[..at]).ok()?, value))
    });
    lines.fold(HeaderMap::new(), |mut headers, (name, value)| {
        headers.append(name, value);
        headers
    })
}

#[test]
fn headers_of_any_values_are_read_or_refused() {
    let token = format!("tgk_01h455vb4pex5vsknk084sn02q_{}", "0f".repeat(32));
    let usual = format!(
        "content-type: application/grpc+proto\nte: trailers\ngrpc-timeout: 5S\nauthorization: Bearer {token}\ntidegate-realm: acme"
    );
    let others = "content-type: application/grpc; charset=utf-8\nte: trailers\ngrpc-timeout: 99999999H\ngrpc-encoding: gzip\n\
        grpc-accept-encoding: identity, gzip\nuser-agent: grpc-go/1";
    let mut accepted = 0;
    fuzz!(3_000, [usual.as_str(), others, "te: trailers"], |input| {
        let headers = parsed(input);
        let mut request =
            Request::post("http://127.0.0.1/tidegate.v1.AccessService/WhoAmI").body(()).unwrap();
        *request.headers_mut() = headers.clone();
        match headers::read(&request) {
            Ok(asked) => {
                accepted += 1;
                let ends = deadline::of(request.uri().path(), asked, Duration::from_mins(1));
                assert!(ends.is_some_and(|ends| ends <= Duration::from_mins(1)));
            }
            Err(fault) => {
                let answer = fault.answer(&headers);
                let sizes =
                    answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32);
                assert!(sizes.sum::<usize>() <= 6 * 1_024, "{:?}", answer.headers());
            }
        }
        if let Ok(presented) = identity::presented(&request) {
            // A part of the secret may have become the name of the realm, which is none.
            let secret = headers["authorization"].to_str().unwrap().rsplit('_').next().unwrap();
            assert!(!format!("{presented:?}").contains(secret), "{presented:?}");
        }
    });
    assert!(accepted > 100, "changed headers are accepted too: {accepted}");
}

#[test]
fn a_timeout_of_any_text_is_read_or_refused() {
    fuzz!(2_000, ["1H", "99999999H", "30S", "00000030S", "30000m", "0n", "9u"], |input| {
        let text = input.text();
        let Some(timeout) = deadline::parse(&text) else { return };
        assert!(text.len() <= 9 && timeout <= Duration::from_hours(99_999_999));
        for path in ["/tidegate.v1.AccessService/WhoAmI", "/tidegate.v1.AuditService/TailEvents"] {
            assert!(deadline::of(path, Some(timeout), Duration::MAX).is_some_and(|ends| ends <= timeout));
        }
    });
}

#[test]
fn a_page_token_has_one_text() {
    let long = "0f".repeat(2_048);
    fuzz!(2_000, ["", "00", "0fa9", &long], |input| {
        let text = input.text();
        let Some(bytes) = render::read_page_token(&text) else { return };
        let again = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(again, text);
    });
}
