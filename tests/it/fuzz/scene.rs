//! What the examples of the contract name, all in one realm.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::PASSWORD,
    conventions::descriptors::contract,
    examples::{Placeholders, example, fill},
    owner::{Device, Session, SignIn},
    setting::Kasa,
    test_server::TestServer,
};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MethodDescriptor};
use serde_json::Value;

pub struct Scene {
    pub kasa: Kasa,
    pub session: Session,
    pub begun: SignIn,
    values: Placeholders,
}

impl Scene {
    pub async fn open(server: &TestServer) -> Self {
        let kasa = Kasa::open(server).await;
        let admin = &kasa.admin;
        admin.customer("acme").await;
        admin.rollout("kasa-two-step", &["kasa"], &[10_000, 50_000]).await;
        let owner = kasa.owner("u-1").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let other = admin.person("u-7").await;
        admin.refreshing("kasa", Span::days(30)).await;
        let session = kasa.frontend.sign_in(&other, "kasa", &Device::new("phone-1")).await;
        let enrollment = kasa.frontend.begin_enrollment(&session).await;
        let link = server.mail_to(&other.email).await.token;
        let values = Placeholders::from([
            ("MEU", "MEUC".to_owned()),
            ("2026-03-02T", "2026-03-02T09:00:00Z".to_owned()),
            ("", PASSWORD.to_owned()),
            ("acct_", owner.person.id),
            ("tgs_", owner.session.token.clone()),
            ("tgf_", session.answer.refresh_token.clone()),
            ("tgi_", begun.token.clone()),
            ("tgl_", link),
            ("chl_", challenge),
            ("fac_", owner.enrolled.factor),
            ("enr_", enrollment),
            ("cred_", kasa.frontend.credential.clone()),
        ]);
        Self { kasa, session: owner.session, begun, values }
    }

    /// The example of the method's comment, as bytes.
    pub fn example(&self, method: &MethodDescriptor) -> Vec<u8> {
        let mut example: Value = example(method);
        fill(&mut example, &self.values);
        let options = DeserializeOptions::new();
        DynamicMessage::deserialize_with_options(method.input(), example, &options).unwrap().encode_to_vec()
    }

    /// What no refusal may repeat.
    pub fn secrets(&self) -> Vec<&str> {
        ["", "tgs_", "tgf_", "tgi_", "tgl_"].iter().map(|kind| self.values[kind].as_str()).collect()
    }
}

/// Every method, in the order of its rule.
pub fn methods() -> Vec<(&'static str, MethodDescriptor)> {
    let all = contract().methods();
    let find = |path: &str| {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap();
        all.iter()
            .find(|one| one.parent_service().full_name() == service && one.name() == method)
            .unwrap()
            .clone()
    };
    proto::RULES.iter().map(|(path, _)| (*path, find(path))).collect()
}
