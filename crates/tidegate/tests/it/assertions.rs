//! A service checks assertions by the program of proto/README.md, with a library that is not ours and the published keys.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use tidegate_client::Client;
use tidegate_proto as proto;

use crate::{
    folder::{Engine, Folder},
    owner::{Realm, heard, signed_in},
    program::{Ended, Program, Told},
    readme::shell::installed,
};

const README: &str = include_str!("../../../../proto/README.md");

/// Prints the claims, or the kind of the error.
const CALL: &str = "
import json, sys
try:
    print(json.dumps(claims_of(*sys.argv[1:])))
except Exception as error:
    print(type(error).__name__)
";

async fn told(folder: &Folder, arguments: [&str; 4]) -> String {
    let program = README.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let program = format!("{program}{CALL}");
    let python = format!("{}/jwt-python/bin/python", installed());
    let words = [&["-c", &program][..], &arguments].concat();
    let run = Program::start_other(&python, folder.path(), &Told { words, ..Told::default() });
    let Ended { code, out, err } = run.ended().await;
    assert_eq!(code, Some(0), "{err}");
    out.trim().to_owned()
}

async fn keys(client: &Client) -> proto::GetJwksResponse {
    heard(client.sessions().get_jwks(proto::GetJwksRequest {}).await).unwrap()
}

#[tokio::test]
async fn a_service_checks_an_assertion_with_the_published_keys() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let server = folder.serve(&[]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let frontend = realm.frontend(&server);
    let token = frontend.sign_in("ann", "phone").await;
    let issue = async |audience: &str| {
        let subject = Some(signed_in(&token));
        let request =
            proto::IssueAssertionRequest { subject, audience: audience.to_owned(), ..Default::default() };
        heard(frontend.client.sessions().issue_assertion(request).await).unwrap().assertion
    };
    let api = "https://api.kasa.example";
    let (assertion, published) = (issue(api).await, keys(&frontend.client).await);
    let proto::GetJwksResponse { jwks, issuer } = &published;
    let claims: Value = serde_json::from_str(&told(&folder, [&assertion, jwks, issuer, api]).await).unwrap();
    let names = ["iss", "aud", "product", "acr", "amr"];
    assert_eq!(
        names.map(|name| claims[name].clone()),
        [json!(issuer), json!(api), json!("kasa"), json!("aal1"), json!(["pwd"])]
    );

    let for_kasa = issue("").await;
    let (head, signature) = assertion.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", for_kasa.rsplit_once('.').unwrap().0);
    let (header, body) = head.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&BASE64.decode(header).unwrap()).unwrap();
    header["alg"] = "none".into();
    let unsigned = format!("{}.{body}.", BASE64.encode(header.to_string()));
    header["alg"] = "ES256".into();
    header["typ"] = "JWT".into();
    let other_kind = format!("{}.{body}.{signature}", BASE64.encode(header.to_string()));
    for (arguments, error) in [
        ([&*forged, jwks, issuer, api], "InvalidSignatureError"),
        ([&unsigned, jwks, issuer, api], "InvalidAlgorithmError"),
        ([&other_kind, jwks, issuer, api], "InvalidTokenError"),
        ([&assertion, jwks, issuer, "https://other.example"], "InvalidAudienceError"),
        ([&for_kasa, jwks, issuer, api], "InvalidAudienceError"),
        ([&assertion, jwks, "realm_01h2xcejqtf2nbrexx3vqjhp41", api], "InvalidIssuerError"),
    ] {
        assert_eq!(told(&folder, arguments).await, error);
    }

    // The key is known to others: it is not published any more, and what it signed is refused.
    let rotate = proto::RotateSigningKeyRequest { at_once: true, ..Default::default() };
    heard(realm.operator.system().rotate_signing_key(rotate).await).unwrap();
    let published = keys(&frontend.client).await;
    assert_eq!(told(&folder, [&assertion, &published.jwks, issuer, api]).await, "KeyError");
    let newer = issue(api).await;
    let next = told(&folder, [&newer, &published.jwks, issuer, api]).await;
    assert!(next.starts_with('{'), "{next}");
}
