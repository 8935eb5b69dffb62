//! A real browser: Chromium, driven by `chromedriver`, with a security key that it simulates (Web Authentication Level 3,
//! §11). The tests serve its page.

use std::{net::SocketAddr, process::Stdio};

use axum::{Router, response::Html, routing::get};
use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

/// What the page of a device cloud does: it passes options and answers on unchanged.
const PAGE: &str = include_str!("browser/sign_in.html");

/// One window. Its processes end with it.
pub struct Browser {
    window: Client,
    driver: Child,
    _profile: TempDir,
}

/// A page that tests serve, at a port of its own.
pub struct Page(SocketAddr);

impl Page {
    pub async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Router::new().route("/", get(async || Html(PAGE)));
        tokio::spawn(async move { axum::serve(listener, pages).await });
        Self(address)
    }

    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.0.port())
    }
}

impl Browser {
    pub async fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver, of Debian's package chromium-driver: {error}"));
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let Some(line) = said.next_line().await.unwrap() else { panic!("chromedriver ended") };
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // The driver would stop at a full pipe, so its output is read to the end.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        let window = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { window, driver, _profile: profile }
    }

    pub async fn close(mut self) {
        self.window.close().await.unwrap();
        self.driver.kill().await.unwrap();
    }

    pub async fn open(&self, origin: &str) {
        self.window.goto(origin).await.unwrap();
    }

    /// What a button of the page does with options: the answer, or the browser's refusal.
    pub async fn press(&self, button: &str, options: &str) -> Result<String, String> {
        let script = "const [button, options, done] = arguments; press(button, options).then(done);";
        let answer = self.window.execute_async(script, vec![button.into(), options.into()]).await.unwrap();
        match (answer["answer"].as_str(), answer["refusal"].as_str()) {
            (Some(answer), None) => Ok(answer.to_owned()),
            (None, Some(refusal)) => Err(refusal.to_owned()),
            _ => panic!("{answer}"),
        }
    }

    /// Plugs a key in that signs when it is touched.
    pub async fn add_key(&self) -> String {
        let key = json!({"protocol": "ctap2", "transport": "usb", "isUserConsenting": true});
        self.issue(KeyCommand::Add(key)).await.as_str().unwrap().to_owned()
    }

    /// A key that holds passkeys, and knows its user's finger.
    pub async fn add_passkey(&self) -> String {
        let key = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
        });
        self.issue(KeyCommand::Add(key)).await.as_str().unwrap().to_owned()
    }

    /// The finger is another one from now on.
    pub async fn verifies_nobody(&self, key: &str) {
        self.issue(KeyCommand::Verify(key.to_owned(), false)).await;
    }

    /// What the key holds, with its private keys.
    pub async fn credentials(&self, key: &str) -> Vec<Value> {
        self.issue(KeyCommand::Credentials(key.to_owned())).await.as_array().unwrap().clone()
    }

    /// Puts a credential into a key in the place of the one with its id.
    pub async fn put_back(&self, key: &str, credential: &Value) {
        let id = credential["credentialId"].as_str().unwrap().to_owned();
        self.issue(KeyCommand::Remove(key.to_owned(), id)).await;
        self.issue(KeyCommand::Put(key.to_owned(), credential.clone())).await;
    }

    async fn issue(&self, command: KeyCommand) -> Value {
        self.window.issue_cmd(command).await.unwrap()
    }
}

fn capabilities(profile: &TempDir) -> serde_json::Map<String, Value> {
    let folder = format!("--user-data-dir={}", profile.path().display());
    let options = json!({
        "goog:chromeOptions": {"args": [
            // It ends when its driver ends.
            "--remote-debugging-pipe",
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", folder,
        ]},
        "webauthn:virtualAuthenticators": true,
    });
    options.as_object().unwrap().clone()
}

/// The protocol's commands for simulated keys. Each names the key, except the first.
#[derive(Debug)]
enum KeyCommand {
    Add(Value),
    Credentials(String),
    Put(String, Value),
    Remove(String, String),
    Verify(String, bool),
}

impl WebDriverCompatibleCommand for KeyCommand {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        let keys = format!("session/{}/webauthn/authenticator", session.unwrap_or_default());
        base.join(&match self {
            Self::Add(_) => keys,
            Self::Credentials(key) => format!("{keys}/{key}/credentials"),
            Self::Put(key, _) => format!("{keys}/{key}/credential"),
            Self::Verify(key, _) => format!("{keys}/{key}/uv"),
            Self::Remove(key, id) => format!("{keys}/{key}/credentials/{id}"),
        })
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        match self {
            Self::Add(body) | Self::Put(_, body) => (http::Method::POST, Some(body.to_string())),
            Self::Verify(_, verified) => {
                (http::Method::POST, Some(json!({"isUserVerified": verified}).to_string()))
            }
            Self::Credentials(_) => (http::Method::GET, None),
            Self::Remove(..) => (http::Method::DELETE, None),
        }
    }
}
