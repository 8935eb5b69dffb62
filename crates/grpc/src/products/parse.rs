use tidegate_core::{
    Authenticator, Color, KeyModel, Language, MessageStyle, Method, MethodPolicy, MethodRule, Origin,
    OtpHash, PasswordLength, ProductSettings, RelyingParty, Removable, Span, Word as _,
};
use tidegate_proto as proto;
use tidegate_service::products::{
    CreateProduct, GetProduct, ListInterest, ListProducts, ProductChange, RegisterInterest, UpdateProduct,
};

use super::directory;
use crate::{form::Form, render::read_method};

const TRUST: (Span, Span, &str) = (Span::ZERO, Span::days(90), "0 s to 90 days");
const REAUTH: (Span, Span, &str) = (Span::ZERO, Span::days(7), "0 s to 7 days");
const CHECK_UP: (Span, Span, &str) = (Span::ZERO, Span::days(365), "0 s to 365 days");
const REFRESH: (Span, Span, &str) = (Span::ZERO, Span::days(30), "0 s to 30 days");
const SESSION: (Span, Span, &str) = (Span::minutes(5), Span::days(30), "5 minutes to 30 days");

pub(super) fn create(message: proto::CreateProductRequest, form: &mut Form) -> Option<CreateProduct> {
    let key = form.text("key", &message.key);
    let title = form.text("title", &message.title);
    let settings = message.settings.unwrap_or_default();
    let settings = form.within("settings", |form| {
        let link_url = form.text("link_url", &settings.link_url);
        let methods = match settings.method_policy {
            Some(_) if !settings.allowed_methods.is_empty() => {
                form.note("allowed_methods", "must not be given beside method_policy")
            }
            Some(policy) => self::policy(policy, form),
            None => methods(&settings.allowed_methods, form).map(MethodPolicy::allowing),
        };
        let trust = form.span("trusted_device", settings.trusted_device, TRUST);
        let idle = form.span("session_idle", settings.session_idle, SESSION);
        let absolute = form.span("session_absolute", settings.session_absolute, SESSION);
        let check_up_after = form.span("check_up_after", settings.check_up_after, CHECK_UP);
        let reauth_within = form.span("reauth_within", settings.reauth_within, REAUTH);
        let refresh = form.span("refresh_ttl", settings.refresh_ttl, REFRESH);
        let messages = style(settings.messages, form);
        let min_password_length = password_length(settings.min_password_length, form);
        let authenticator = authenticator(settings.authenticator, form);
        let relying_party = relying_party(settings.relying_party, form);
        let directory = directory::entry(settings.directory, form);
        let policy = MethodPolicy { email_is_factor: settings.email_is_factor, ..methods? };
        let defaults = ProductSettings::new(link_url?, policy);
        Some(ProductSettings {
            trusted_device: trust?.unwrap_or(defaults.trusted_device),
            session_idle: idle?.unwrap_or(defaults.session_idle),
            session_absolute: absolute?.unwrap_or(defaults.session_absolute),
            check_up_after: check_up_after?.unwrap_or(defaults.check_up_after),
            reauth_within: reauth_within?.unwrap_or(defaults.reauth_within),
            refresh_ttl: refresh?.unwrap_or(defaults.refresh_ttl),
            messages: messages?,
            min_password_length: min_password_length?,
            authenticator: authenticator?,
            relying_party: relying_party?,
            directory: directory?,
            ..defaults
        })
    });
    Some(CreateProduct { key: key?, title: title?, settings: settings? })
}

pub(super) fn get(message: proto::GetProductRequest, form: &mut Form) -> Option<GetProduct> {
    Some(GetProduct { product: form.text("product", &message.product)? })
}

pub(super) fn list(message: proto::ListProductsRequest, form: &mut Form) -> Option<ListProducts> {
    Some(ListProducts { page: form.page(message.page_size, &message.page_token)? })
}

pub(super) fn update(message: proto::UpdateProductRequest, form: &mut Form) -> Option<UpdateProduct> {
    let product = form.text("product", &message.product);
    let etag = form.etag(&message.etag);
    let paths = form.mask(message.update_mask);
    let settings = message.settings.unwrap_or_default();
    let mut change = ProductChange::default();
    for path in &paths {
        match path.as_str() {
            "title" => change.title = form.text("title", &message.title),
            "settings.link_url" => change.link_url = form.text(path, &settings.link_url),
            "settings.allowed_methods" => {
                change.allowed = form.within("settings", |form| methods(&settings.allowed_methods, form));
                if settings.allowed_methods.is_empty() {
                    form.note::<()>(path, "must name a method");
                }
            }
            "settings.trusted_device" => {
                change.trusted_device = given(form, path, settings.trusted_device, TRUST);
            }
            "settings.session_idle" => {
                change.session_idle = given(form, path, settings.session_idle, SESSION);
            }
            "settings.session_absolute" => {
                change.session_absolute = given(form, path, settings.session_absolute, SESSION);
            }
            "settings.check_up_after" => {
                change.check_up_after = given(form, path, settings.check_up_after, CHECK_UP);
            }
            "settings.reauth_within" => {
                change.reauth_within = given(form, path, settings.reauth_within, REAUTH);
            }
            "settings.refresh_ttl" => {
                change.refresh_ttl = given(form, path, settings.refresh_ttl, REFRESH);
            }
            "settings.email_is_factor" => change.email_is_factor = Some(settings.email_is_factor),
            "settings.messages" => {
                change.messages = form.within("settings", |form| style(settings.messages.clone(), form));
            }
            "settings.min_password_length" => {
                let given = settings.min_password_length;
                change.min_password_length = form.within("settings", |form| password_length(given, form));
            }
            "settings.method_policy" => {
                let given = settings.method_policy.clone().unwrap_or_default();
                change.policy = form.within("settings", |form| policy(given, form));
            }
            "settings.authenticator" => {
                let given = settings.authenticator;
                change.authenticator = form.within("settings", |form| authenticator(given, form));
            }
            "settings.relying_party" => {
                let given = settings.relying_party.clone();
                change.relying_party = form.within("settings", |form| relying_party(given, form));
            }
            "settings.directory" => {
                let given = settings.directory.clone();
                change.directory = form.within("settings", |form| directory::entry(given, form));
            }
            unknown => form.unknown_path(unknown),
        }
    }
    Some(UpdateProduct { product: product?, etag: etag?, change })
}

pub(super) fn register_interest(
    message: proto::RegisterInterestRequest,
    form: &mut Form,
) -> Option<RegisterInterest> {
    Some(RegisterInterest { subject: form.subject(message.subject)? })
}

pub(super) fn list_interest(message: proto::ListInterestRequest, form: &mut Form) -> Option<ListInterest> {
    let product = form.text("product", &message.product);
    let page = form.page(message.page_size, &message.page_token);
    Some(ListInterest { product: product?, page: page? })
}

fn style(style: Option<proto::MessageStyle>, form: &mut Form) -> Option<MessageStyle> {
    let style = style.unwrap_or_default();
    form.within("messages", |form| {
        let language = match style.language.as_str() {
            "" => Some(Language::default()),
            text => match Language::parse(text) {
                Ok(language) => Some(language),
                Err(_) => form.note("language", "must be en or de"),
            },
        };
        let color = form.optional::<Color>("color", &style.color);
        Some(MessageStyle { language: language?, color: color?.unwrap_or_default() })
    })
}

/// 0 stands for the default.
fn password_length(characters: u32, form: &mut Form) -> Option<PasswordLength> {
    if characters == 0 {
        return Some(PasswordLength::default());
    }
    match PasswordLength::try_from(u8::try_from(characters).unwrap_or(u8::MAX)) {
        Ok(length) => Some(length),
        Err(must) => form.note("min_password_length", must),
    }
}

fn authenticator(style: Option<proto::AuthenticatorStyle>, form: &mut Form) -> Option<Authenticator> {
    let style = style.unwrap_or_default();
    form.within("authenticator", |form| {
        let hash = match style.hash {
            0 => Some(OtpHash::default()),
            hash => form.word("hash", hash, otp_hash),
        };
        let digits = match style.digits {
            0 | 6 => Some(6),
            8 => Some(8),
            _ => form.note("digits", "must be 6 or 8"),
        };
        let period = match style.period {
            0 | 30 => Some(30),
            60 => Some(60),
            _ => form.note("period", "must be 30 or 60"),
        };
        Some(Authenticator { hash: hash?, digits: digits?, period: period? })
    })
}

/// `Some(None)`: there is none.
fn relying_party(wire: Option<proto::RelyingParty>, form: &mut Form) -> Option<Option<RelyingParty>> {
    let Some(wire) = wire else { return Some(None) };
    form.within("relying_party", |form| {
        let mut origins = Vec::new();
        for (place, origin) in wire.origins.iter().enumerate() {
            origins.push(form.text::<Origin>(&format!("origins[{place}]"), origin)?);
        }
        let mut models = Vec::new();
        for (place, model) in wire.models.iter().enumerate() {
            match KeyModel::new(&model.aaguid, &model.root_pem) {
                Ok(model) => models.push(model),
                Err(why) => return form.note(&format!("models[{place}]"), format!("must {}", why.0)),
            }
        }
        match RelyingParty::new(&wire.id, origins).map(|party| party.taking(models)) {
            Ok(Ok(party)) => Some(Some(party)),
            Ok(Err(why)) => form.note("models", format!("must {}", why.0)),
            Err(why) => form.note("id", format!("must {}", why.0)),
        }
    })
}

fn otp_hash(wire: proto::OtpHash) -> Option<OtpHash> {
    match wire {
        proto::OtpHash::Unspecified => None,
        proto::OtpHash::Sha1 => Some(OtpHash::Sha1),
        proto::OtpHash::Sha256 => Some(OtpHash::Sha256),
        proto::OtpHash::Sha512 => Some(OtpHash::Sha512),
    }
}

/// A span that the mask names must be given.
fn given(
    form: &mut Form,
    path: &str,
    span: Option<prost_types::Duration>,
    range: (Span, Span, &str),
) -> Option<Span> {
    let span = form.span(path, span, range)?;
    if span.is_none() { form.note(path, "must be given when the mask names it") } else { span }
}

/// The allowed methods, the preferred one first. An empty list means TOTP.
fn methods(numbers: &[i32], form: &mut Form) -> Option<Vec<Method>> {
    let mut methods = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let method = form.word(&format!("allowed_methods[{place}]"), *number, allowed)?;
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    if methods.is_empty() {
        methods.push(Method::Totp);
    }
    Some(methods)
}

fn policy(wire: proto::MethodPolicy, form: &mut Form) -> Option<MethodPolicy> {
    form.within("method_policy", |form| {
        let mut rules: Vec<MethodRule> = Vec::new();
        for (place, rule) in wire.rules.into_iter().enumerate() {
            let name = format!("rules[{place}]");
            let rule = form.within(&name, |form| self::rule(rule, form))?;
            if rules.iter().any(|other| other.method == rule.method) {
                form.note::<()>(&name, "must not name a method twice");
            }
            rules.push(rule);
        }
        let minimum = match wire.minimum_factors {
            0 => Some(1),
            given @ 1..=10 => u32::try_from(given).ok(),
            _ => form.note("minimum_factors", "must be 1 to 10, or 0 for 1"),
        };
        Some(MethodPolicy {
            rules,
            minimum: minimum?,
            phishing_resistant_only: wire.phishing_resistant_only,
            confirm_by_link: wire.confirm_by_link,
            email_is_factor: false,
        })
    })
}

fn rule(wire: proto::AllowedMethod, form: &mut Form) -> Option<MethodRule> {
    let method = form.word("method", wire.method, allowed);
    let mut requires = Vec::new();
    for (place, number) in wire.requires.into_iter().enumerate() {
        requires.push(form.word(&format!("requires[{place}]"), number, required)?);
    }
    let removable = if wire.not_removable { Removable::Never } else { Removable::Always };
    Some(MethodRule { method: method?, requires, removable })
}

fn required(wire: proto::Method) -> Option<Method> {
    match wire {
        proto::Method::EmailCode => Some(Method::EmailCode),
        other => allowed(other),
    }
}

fn allowed(wire: proto::Method) -> Option<Method> {
    match wire {
        proto::Method::RecoveryCodes => Some(Method::RecoveryCodes),
        other => read_method(other),
    }
}
