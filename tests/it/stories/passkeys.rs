//! A sign-in without typing a name.

use tidegate_proto as proto;

use crate::{owner::Device, setting::Kasa, story::tell, webauthn::ORIGIN};

#[tokio::test]
async fn an_owner_signs_in_with_a_passkey() {
    tell("passkeys/signs_in", async |server| {
        let kasa = Kasa::with_keys(&server).await;
        let mut owner = kasa.passkey_owner("ann").await;
        let (frontend, tablet) = (kasa.frontend.aloud(), Device::new("tablet"));
        let options = frontend.passkey_options("kasa", &tablet).await;
        let signed = owner.key.signs(&options, ORIGIN);
        let begun = frontend.begin_by_passkey("kasa", &tablet, &signed).await.unwrap();
        frontend.ok(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() }).await;
        server.transcript.note("the same answer again; then a page of another domain");
        assert!(frontend.begin_by_passkey("kasa", &tablet, &signed).await.is_none());
        let options = frontend.quiet().passkey_options("kasa", &tablet).await;
        let elsewhere = owner.key.signs(&options, "https://kasa.evil.example");
        assert!(frontend.begin_by_passkey("kasa", &tablet, &elsewhere).await.is_none());
        kasa.admin.aloud().ok(proto::ListEventsRequest { page_size: 2, ..Default::default() }).await;
        server.transcript.note("a product that takes no keys");
        kasa.admin.product("tapo").await;
        frontend
            .refused(proto::CreatePasskeyRequestRequest { product: "tapo".into(), ..Default::default() })
            .await;
    })
    .await;
}
