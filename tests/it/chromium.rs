//! Security keys in a real browser. What it asks of keys, and what it refuses by itself, are its own rules, not ours.

use proto::{ProofOutcome as Outcome, SignInState};
use serde_json::{Value, json};
use tidegate_proto as proto;

use crate::{
    browser::{Browser, Page},
    owner::{Device, SignIn},
    setting::Kasa,
    test_server::TestServer,
    webauthn::KeyOwner,
};

/// Kasa on this machine, an owner whose key the browser has, and their page.
struct Desk {
    kasa: Kasa,
    browser: Browser,
    key: String,
    page: Page,
    owner: KeyOwner<()>,
}

impl Desk {
    async fn with_a_key(server: &TestServer) -> Self {
        Self::with(server, Browser::add_key).await
    }

    /// A key that holds passkeys.
    async fn with_a_passkey(server: &TestServer) -> Self {
        Self::with(server, Browser::add_passkey).await
    }

    async fn with(server: &TestServer, add: impl AsyncFnOnce(&Browser) -> String) -> Self {
        let kasa = Kasa::open(server).await;
        let page = Page::serve().await;
        kasa.admin.takes_keys("kasa", "localhost", &[&page.origin()]).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("first")).await;
        let (enrollment, options) = kasa.frontend.asks_for_a_key(&session, &person).await;
        let browser = Browser::start().await;
        let key = add(&browser).await;
        browser.open(&page.origin()).await;
        let made = browser.press("register", &options).await.unwrap();
        let done = kasa.frontend.answers(&session, &enrollment, made).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 10));
        let owner = KeyOwner {
            person,
            session,
            key: (),
            factor: done.factor.unwrap().id,
            recovery_codes: done.recovery_codes,
        };
        Self { kasa, browser, key, page, owner }
    }

    /// A sign-in without an identifier, as far as the browser gets with it.
    async fn signs_in_by_passkey(&self, alter: impl FnOnce(&mut Value)) -> Result<Option<SignIn>, String> {
        let tablet = Device::new("tablet");
        let mut options =
            serde_json::from_str(&self.kasa.frontend.passkey_options("kasa", &tablet).await).unwrap();
        alter(&mut options);
        let signed = self.browser.press("sign", &options.to_string()).await?;
        Ok(self.kasa.frontend.begin_by_passkey("kasa", &tablet, &signed).await)
    }

    /// A sign-in, as far as the browser gets with it.
    async fn signs_in(&self) -> Result<Outcome, String> {
        let (begun, challenge, options) = self.kasa.asked_for_key(&self.owner).await;
        let signed = self.browser.press("sign", &options).await?;
        Ok(self.kasa.frontend.signs_in(&begun, &challenge, &signed).await.outcome())
    }
}

on_both! {
    async fn a_browser_registers_a_key_and_signs_in_with_it(server) {
        let desk = Desk::with_a_key(&server).await;
        let kasa = &desk.kasa;
        let (begun, challenge, options) = kasa.asked_for_key(&desk.owner).await;
        let signed = desk.browser.press("sign", &options).await.unwrap();
        assert_eq!(kasa.frontend.signs_in(&begun, &challenge, &signed).await.outcome(), Outcome::Approved);
        let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        let (_, options) = kasa.frontend.asks_for_a_key(&session, &desk.owner.person).await;
        let again = desk.browser.press("register", &options).await;
        assert_eq!(again, Err("InvalidStateError".into()), "the key is registered already");
        desk.browser.close().await;
    }

    async fn inv_39_another_page_gets_nothing_from_a_browser(server) {
        let desk = Desk::with_a_key(&server).await;
        let other = Page::serve().await;
        desk.browser.open(&other.origin()).await;
        assert_eq!(desk.signs_in().await, Ok(Outcome::WrongAnswer), "a page of the same domain that is not named");
        desk.browser.open(&other.origin().replace("localhost", "127.0.0.1")).await;
        assert_eq!(desk.signs_in().await, Err("SecurityError".into()), "a page of another domain");
        desk.browser.open(&desk.page.origin()).await;
        assert_eq!(desk.signs_in().await, Ok(Outcome::Approved));
        desk.browser.close().await;
    }

    async fn a_browser_signs_in_with_a_passkey_and_no_name(server) {
        let desk = Desk::with_a_passkey(&server).await;
        let begun = desk.signs_in_by_passkey(|_| ()).await.unwrap().unwrap();
        assert_eq!(begun.state, SignInState::Ready);
        let session = desk.kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        let session = session.answer.session.unwrap();
        assert_eq!((session.level(), session.account_id), (proto::Level::Aal2Phr, desk.owner.person.id.clone()));
        desk.browser.verifies_nobody(&desk.key).await;
        assert_eq!(desk.signs_in_by_passkey(|_| ()).await.unwrap_err(), "NotAllowedError", "another finger");
        let unverified = desk.signs_in_by_passkey(|options| options["userVerification"] = "discouraged".into()).await;
        assert!(unverified.unwrap().is_none(), "a page that asks for less");
        desk.browser.close().await;
    }

    async fn inv_40_a_passkey_that_names_another_account_is_denied(server) {
        let desk = Desk::with_a_passkey(&server).await;
        let bob = desk.kasa.admin.person("bob").await;
        let session = desk.kasa.frontend.sign_in(&bob, "kasa", &Device::new("bob")).await;
        let (_, options) = desk.kasa.frontend.asks_for_a_key(&session, &bob).await;
        let options: Value = serde_json::from_str(&options).unwrap();
        let [mut anns] = desk.browser.credentials(&desk.key).await.try_into().unwrap();
        anns["userHandle"] = options["user"]["id"].clone();
        desk.browser.put_back(&desk.key, &anns).await;
        assert!(desk.signs_in_by_passkey(|_| ()).await.unwrap().is_none());
        desk.browser.close().await;
    }

    async fn a_copied_passkey_is_closed(server) {
        let desk = Desk::with_a_passkey(&server).await;
        let [stolen] = desk.browser.credentials(&desk.key).await.try_into().unwrap();
        assert!(desk.signs_in_by_passkey(|_| ()).await.unwrap().is_some());
        desk.browser.put_back(&desk.key, &stolen).await;
        assert!(desk.signs_in_by_passkey(|_| ()).await.unwrap().is_none(), "its counter went back");
        let mut later = stolen;
        later["signCount"] = json!(100);
        desk.browser.put_back(&desk.key, &later).await;
        assert!(desk.signs_in_by_passkey(|_| ()).await.unwrap().is_none(), "until it is bound again");
        desk.browser.close().await;
    }

    async fn a_key_whose_counter_went_back_is_closed(server) {
        let desk = Desk::with_a_key(&server).await;
        let [stolen] = desk.browser.credentials(&desk.key).await.try_into().unwrap();
        assert_eq!(desk.signs_in().await, Ok(Outcome::Approved));
        desk.browser.put_back(&desk.key, &stolen).await;
        assert_eq!(desk.signs_in().await, Ok(Outcome::Closed));
        let mut later = stolen;
        later["signCount"] = json!(100);
        desk.browser.put_back(&desk.key, &later).await;
        assert_eq!(desk.signs_in().await, Ok(Outcome::Closed), "until it is bound again");
        desk.browser.close().await;
    }
}
