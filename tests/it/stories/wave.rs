//! Two-step comes to a smart-home app in waves.

use tidegate_core::{Role, Span};

use crate::{owner::Device, story::tell};

#[tokio::test]
async fn a_new_device_is_asked_for_a_code() {
    tell("wave/new_device", async |stage| {
        let operator = stage.operator();
        operator.product("kasa").await;
        let ann = operator.person("ann").await;
        operator.start(&operator.rollout("kasa-two-step", &["kasa"], &[1_000_000]).await).await;
        let frontend = stage.actor("frontend", Role::Frontend).await;
        let phone = Device::new("phone-1");
        let session = frontend.sign_in(&ann, "kasa", &phone).await;
        let enrolled = frontend.enroll(&session, &ann).await;
        stage.pass(Span::seconds(30));
        frontend.sign_in_with(&ann, "kasa", &Device::new("tablet-1"), &enrolled.seed).await;
    })
    .await;
}
