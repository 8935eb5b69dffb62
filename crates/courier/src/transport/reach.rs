//! Whether the services over HTTP can be reached, without a message.

use reqwest::Url;
use tidegate_core::Timestamp;

use super::{
    PushSettings, SmsSettings,
    apns::{self, Apns},
    fcm::{self, Fcm},
    http::Http,
    sms::{self, SmsGateway},
    web_push::{self, WebPush},
};
use crate::{Obstacle, Reached};

/// A service that is asked for its first page.
pub(super) struct HttpEndpoint<'h> {
    pub(super) http: &'h Http,
    pub(super) url: Url,
}

impl HttpEndpoint<'_> {
    async fn reached(self, service: &'static str) -> Reached {
        let at = at(&self.url);
        Reached { service, at, outcome: self.http.reach(self.url).await }
    }
}

pub(crate) async fn reach_gateway(settings: SmsSettings) -> Reached {
    let named = Url::parse(&settings.url).map(|url| at(&url)).unwrap_or_default();
    match SmsGateway::open(settings) {
        Ok(gateway) => gateway.endpoint().reached(sms::SERVICE).await,
        Err(error) => Reached { service: sms::SERVICE, at: named, outcome: Err(error.into()) },
    }
}

pub(crate) async fn reach_push(settings: PushSettings, now: Timestamp) -> Vec<Reached> {
    let PushSettings { web_push, fcm, apns } = settings;
    let refused = |service, error: crate::SetupError| {
        vec![Reached { service, at: String::new(), outcome: Err(error.into()) }]
    };
    let web = async {
        match web_push.map(WebPush::open) {
            None => Vec::new(),
            Some(Err(error)) => refused(web_push::SERVICE, error),
            Some(Ok(web)) => {
                let endpoints =
                    web.endpoints().into_iter().map(|endpoint| endpoint.reached(web_push::SERVICE));
                futures_util::future::join_all(endpoints).await
            }
        }
    };
    let fcm = async {
        match fcm.map(Fcm::open) {
            None => Vec::new(),
            Some(Err(error)) => refused(fcm::SERVICE, error),
            Some(Ok(fcm)) => {
                let mut reached = fcm.endpoint().reached(fcm::SERVICE).await;
                if reached.outcome.is_ok() {
                    reached.outcome = fcm.try_account(now).await.map_err(Obstacle::from);
                }
                vec![reached]
            }
        }
    };
    let apns = async {
        match apns.map(Apns::open) {
            None => Vec::new(),
            Some(Err(error)) => refused(apns::SERVICE, error),
            Some(Ok(apns)) => vec![apns.endpoint().reached(apns::SERVICE).await],
        }
    };
    let (web, fcm, apns) = tokio::join!(web, fcm, apns);
    [web, fcm, apns].into_iter().flatten().collect()
}

fn at(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}
