use tidegate_core::{
    Authenticator, KeyModel, MethodPolicy, MethodRule, OtpHash, Product, Removable, Word as _,
};
use tidegate_proto as proto;
use tidegate_service::{
    Page,
    products::{Interest, Interested, Registered},
};

use super::directory;
use crate::render::{duration, method, page_token, timestamp};

pub(super) fn created(product: Product) -> proto::CreateProductResponse {
    proto::CreateProductResponse { product: Some(self::product(product)) }
}

pub(super) fn got(product: Product) -> proto::GetProductResponse {
    proto::GetProductResponse { product: Some(self::product(product)) }
}

pub(super) fn updated(product: Product) -> proto::UpdateProductResponse {
    proto::UpdateProductResponse { product: Some(self::product(product)) }
}

pub(super) fn listed(page: Page<Product>) -> proto::ListProductsResponse {
    let products = page.items.into_iter().map(product).collect();
    proto::ListProductsResponse { products, next_page_token: page_token(page.next) }
}

pub(super) fn interest_registered(registered: Registered) -> proto::RegisterInterestResponse {
    proto::RegisterInterestResponse { registered: registered.0 }
}

pub(super) fn interest_listed(interested: Interested) -> proto::ListInterestResponse {
    let interest = |one: Interest| proto::Interest {
        account_id: one.account.to_string(),
        register_time: Some(timestamp(one.at)),
    };
    proto::ListInterestResponse {
        interests: interested.page.items.into_iter().map(interest).collect(),
        next_page_token: page_token(interested.page.next),
        total_count: interested.total,
    }
}

fn policy(policy: &MethodPolicy) -> proto::MethodPolicy {
    let rule = |rule: &MethodRule| proto::AllowedMethod {
        method: method(rule.method).into(),
        requires: rule.requires.iter().map(|one| method(*one).into()).collect(),
        not_removable: rule.removable == Removable::Never,
    };
    proto::MethodPolicy {
        rules: policy.rules.iter().map(rule).collect(),
        minimum_factors: i32::try_from(policy.minimum).unwrap_or(i32::MAX),
        phishing_resistant_only: policy.phishing_resistant_only,
        confirm_by_link: policy.confirm_by_link,
    }
}

fn authenticator(style: Authenticator) -> proto::AuthenticatorStyle {
    let hash = match style.hash {
        OtpHash::Sha1 => proto::OtpHash::Sha1,
        OtpHash::Sha256 => proto::OtpHash::Sha256,
        OtpHash::Sha512 => proto::OtpHash::Sha512,
    };
    let period = i32::try_from(style.period).unwrap_or(i32::MAX);
    proto::AuthenticatorStyle { hash: hash.into(), digits: style.digits.into(), period }
}

fn product(product: Product) -> proto::Product {
    let settings = proto::ProductSettings {
        link_url: product.settings.link_url.into(),
        allowed_methods: product.settings.methods.allowed().map(|one| method(one).into()).collect(),
        trusted_device: Some(duration(product.settings.trusted_device)),
        check_up_after: Some(duration(product.settings.check_up_after)),
        reauth_within: Some(duration(product.settings.reauth_within)),
        session_idle: Some(duration(product.settings.session_idle)),
        session_absolute: Some(duration(product.settings.session_absolute)),
        refresh_ttl: Some(duration(product.settings.refresh_ttl)),
        email_is_factor: product.settings.methods.email_is_factor,
        method_policy: Some(policy(&product.settings.methods)),
        relying_party: product.settings.relying_party.map(|party| proto::RelyingParty {
            id: party.id,
            origins: party.origins.into_iter().map(String::from).collect(),
            models: party.models.into_iter().map(model).collect(),
        }),
        directory: product.settings.directory.map(directory::stored),
        authenticator: Some(authenticator(product.settings.authenticator)),
        messages: Some(proto::MessageStyle {
            language: product.settings.messages.language.as_str().to_owned(),
            color: product.settings.messages.color.to_string(),
        }),
        min_password_length: u8::from(product.settings.min_password_length).into(),
    };
    proto::Product {
        key: product.key.into(),
        title: product.title.into(),
        settings: Some(settings),
        etag: product.revision.to_string(),
        create_time: Some(timestamp(product.created_at)),
        update_time: Some(timestamp(product.updated_at)),
    }
}

fn model(model: KeyModel) -> proto::KeyModel {
    proto::KeyModel { aaguid: model.aaguid.to_string(), root_pem: model.root_pem }
}
