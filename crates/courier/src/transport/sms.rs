//! Text messages, by an HTTP gateway. Gateways have no common protocol, so the settings describe the request.

mod template;

use std::{path::PathBuf, time::Duration};

use reqwest::{
    RequestBuilder, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::Value;
use template::{Values, fill, fill_json};
use tidegate_core::{DeliveryId, Secret, TextMessage};

use super::{
    folder::Folder,
    http::{Answer, Http, Versions, header_name, service_url},
    reach::HttpEndpoint,
};
use crate::{SetupError, trouble::Trouble};

/// A gateway, and the request (POST) by which it is given a text message.
///
/// Body and headers are templates. They may name these values in braces:
///
/// - `{to}`: the number in E.164, for example `+4915112345678`;
/// - `{to_digits}`: the same without `+`;
/// - `{text}`: the text;
/// - `{id}`: the delivery's id, `dlv_…`. A message that is sent again has the same id;
/// - `{sender}`: the sender.
///
/// A body must name the number and the text. A header must name neither.
#[derive(Debug, Clone)]
pub struct SmsSettings {
    /// `Debug` shows it and the headers, so keys belong into `auth`.
    pub url: String,
    pub body: SmsBody,
    pub headers: Vec<(String, String)>,
    pub auth: SmsAuth,
    /// What the phone shows as the sender: a number, or a name where the country allows it.
    pub sender: String,
    /// The statuses by which the gateway says that it has taken the message. Empty: 200 to 299.
    pub success: Vec<u16>,
    /// Where an answer in JSON holds the gateway's id of the message, as a JSON pointer (RFC 6901): `/messages/0/id`. If it
    /// is set, an answer without an id means that the gateway has not taken the message.
    pub message_id: Option<String>,
    /// Certificates (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// The values are escaped as the form or JSON demands.
#[derive(Debug, Clone)]
pub enum SmsBody {
    /// `application/x-www-form-urlencoded`: each field's name and template.
    Form(Vec<(String, String)>),
    /// `application/json`: every text in it is a template, the names of fields are not.
    Json(Value),
}

/// How this server proves to the gateway who it is.
#[derive(Debug, Clone)]
pub enum SmsAuth {
    None,
    /// RFC 7617.
    Basic {
        user: String,
        password: Secret<String>,
    },
    /// RFC 6750.
    Bearer {
        token: Secret<String>,
    },
    Header {
        name: String,
        value: Secret<String>,
    },
}

pub(crate) struct SmsGateway {
    http: Http,
    url: Url,
    body: SmsBody,
    headers: Vec<(HeaderName, String)>,
    auth: GatewayAuth,
    sender: String,
    success: Vec<u16>,
    message_id: Option<String>,
}

/// The authentication in the form in which it is sent.
enum GatewayAuth {
    None,
    Basic { user: String, password: Secret<String> },
    Header { name: HeaderName, value: HeaderValue },
}

pub(super) const SERVICE: &str = "the SMS gateway";

/// Where text messages go.
#[derive(Debug, Clone)]
pub enum SmsTo {
    /// One `.txt` file each, for development.
    Folder(PathBuf),
    Gateway(Box<SmsSettings>),
}

pub(crate) enum Texts {
    None,
    Folder(Folder),
    Gateway(Box<SmsGateway>),
}

impl Texts {
    pub(crate) fn open(to: Option<SmsTo>) -> Result<Self, SetupError> {
        Ok(match to {
            None => Self::None,
            Some(SmsTo::Folder(path)) => Self::Folder(Folder::of(&path)?),
            Some(SmsTo::Gateway(settings)) => Self::Gateway(Box::new(SmsGateway::open(*settings)?)),
        })
    }

    /// Returns the gateway's id of the message, if it gives one.
    pub(crate) async fn send(
        &self,
        id: DeliveryId,
        message: &TextMessage,
    ) -> Result<Option<String>, Trouble> {
        match self {
            Self::None => Err(Trouble::NotConfigured { service: SERVICE }),
            Self::Folder(folder) => folder.write(id, message).await.map(|()| None),
            Self::Gateway(gateway) => gateway.send(id, message).await,
        }
    }
}

impl SmsGateway {
    /// Refuses templates that cannot be filled.
    pub(crate) fn open(settings: SmsSettings) -> Result<Self, SetupError> {
        let SmsSettings { url, body, headers, auth, sender, success, message_id, ca_file, timeout } =
            settings;
        if message_id.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
            return Err(SetupError::SmsTemplate("the pointer to the message's id must begin with /"));
        }
        let url = service_url(SERVICE, &url)?;
        template::check(&body)?;
        let header = |(name, value): (String, String)| {
            let known = header_name(SERVICE, &name)?;
            header_value(&value, &Values::of_header("dlv_", &sender))
                .map(|_| (known, value))
                .ok_or(SetupError::Header { service: SERVICE, name })
        };
        let headers = headers.into_iter().map(header).collect::<Result<_, _>>()?;
        let http = Http::open(SERVICE, timeout, Versions::Negotiated, ca_file.as_deref())?;
        let auth = GatewayAuth::of(auth)?;
        Ok(Self { http, url, body, headers, auth, sender, success, message_id })
    }

    /// What shows whether the gateway can be reached.
    pub(super) fn endpoint(&self) -> HttpEndpoint<'_> {
        HttpEndpoint { http: &self.http, url: self.url.clone() }
    }

    /// Returns the gateway's id of the message, if it gives one.
    pub(crate) async fn send(
        &self,
        id: DeliveryId,
        message: &TextMessage,
    ) -> Result<Option<String>, Trouble> {
        let request = self.request(id, message).ok_or(UNFILLED)?;
        let answer = self.http.send(request).await?;
        let is_success = match self.success.as_slice() {
            [] => answer.is_success(),
            statuses => statuses.contains(&answer.status),
        };
        if !is_success {
            return Err(answer.refusal("not said"));
        }
        let Some(pointer) = &self.message_id else { return Ok(None) };
        gateway_id(&answer, pointer).map(Some).ok_or_else(|| answer.no_sense())
    }

    fn request(&self, id: DeliveryId, message: &TextMessage) -> Option<RequestBuilder> {
        let id = id.to_string();
        let values = Values::of_body(message.to.expose(), message.text.expose(), &id, &self.sender);
        let mut request = self.auth.apply(self.http.post(self.url.clone()));
        for (name, value) in &self.headers {
            request = request.header(name, header_value(value, &Values::of_header(&id, &self.sender))?);
        }
        match &self.body {
            SmsBody::Form(fields) => {
                let fields = fields.iter().map(|(name, value)| Some((name, fill(value, &values)?)));
                Some(request.form(&fields.collect::<Option<Vec<_>>>()?))
            }
            SmsBody::Json(body) => Some(request.json(&fill_json(body, &values)?)),
        }
    }
}

impl GatewayAuth {
    fn of(auth: SmsAuth) -> Result<Self, SetupError> {
        Ok(match auth {
            SmsAuth::None => Self::None,
            SmsAuth::Basic { user, password } => Self::Basic { user, password },
            SmsAuth::Bearer { token } => {
                let value = secret_value(AUTHORIZATION.as_str(), &format!("Bearer {}", token.expose()))?;
                Self::Header { name: AUTHORIZATION, value }
            }
            SmsAuth::Header { name, value } => {
                let value = secret_value(&name, value.expose())?;
                Self::Header { name: header_name(SERVICE, &name)?, value }
            }
        })
    }

    fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Self::Header { name, value } => request.header(name, value),
        }
    }
}

const UNFILLED: Trouble = Trouble::Service { service: SERVICE, why: "the request cannot be put together" };

/// A value that no `Debug` shows.
fn secret_value(name: &str, value: &str) -> Result<HeaderValue, SetupError> {
    let wrong = |_| SetupError::Header { service: SERVICE, name: name.to_owned() };
    let mut value = HeaderValue::from_str(value).map_err(wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_value(template: &str, values: &Values<'_>) -> Option<HeaderValue> {
    HeaderValue::from_str(&fill(template, values)?).ok()
}

/// Text or a number.
fn gateway_id(answer: &Answer, pointer: &str) -> Option<String> {
    match answer.json()?.pointer(pointer)? {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}
