//! `tidegate rollout`, `account explain`, `context` and `completions`: what product managers type.

mod checks;
mod contexts;
mod exemptions;
mod exports;
mod files;
mod ladders;
mod life;
mod methods;
mod plans;
mod refusals;
mod revisions;
mod watching;

use tidegate_client::Client;
use tidegate_proto as proto;

use crate::{folder::Folder, owner, program::Ended, server::Server};

const PLAN: &str = "\
key: kasa-two-step
title: Two-step at Kasa
products: [kasa]
waves:
  - title: first look
    edge: 1 %
  - title: all
    edge: 100 %
";

/// A server with the product kasa and the account u-1, and the plan in a file.
struct Desk {
    folder: Folder,
    server: Server,
    operator: Client,
}

impl Desk {
    async fn on(folder: Folder) -> Self {
        let server = folder.serve(&[]).await;
        let operator = server.operator();
        for key in ["kasa", "tapo"] {
            let link_url = format!("https://{key}.example/confirm");
            let request = proto::CreateProductRequest {
                key: key.into(),
                title: key.into(),
                settings: Some(proto::ProductSettings { link_url, ..Default::default() }),
                ..Default::default()
            };
            operator.products().create_product(request).await.unwrap();
        }
        let imported = operator.import_accounts([owner::row(1, "u-1")], |_| {}).await.unwrap();
        assert_eq!(imported.failed_count, 0, "{imported:?}");
        folder.write("plan.yaml", PLAN);
        Self { folder, server, operator }
    }

    async fn run(&self, words: &[&str]) -> Ended {
        self.run_as("operator", words).await
    }

    /// With the credential of a file.
    async fn run_as(&self, who: &str, words: &[&str]) -> Ended {
        let (address, file) = (format!("http://{}", self.server.grpc), format!("{who}.credential"));
        self.folder.run(&[words, &["--address", &address, "--credential-file", &file]].concat()).await
    }

    /// What is printed by a command that succeeds.
    async fn said(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.transcript());
        ended.out
    }

    /// Creates a credential, and keeps it in a file of the holder's name.
    async fn credential(&self, role: proto::RoleType, holder: &str) {
        let request = proto::CreateCredentialRequest {
            role: role.into(),
            all_products: true,
            title: "tests".into(),
            holder: holder.into(),
            ..Default::default()
        };
        let made = self.operator.access().create_credential(request).await.unwrap().into_inner();
        self.folder.write(&format!("{holder}.credential"), &made.token);
    }

    async fn revision(&self) -> i64 {
        self.got().await.rollout.unwrap().revision
    }

    async fn got(&self) -> proto::GetRolloutResponse {
        let request = proto::GetRolloutRequest { rollout: "kasa-two-step".into() };
        self.operator.rollouts().get_rollout(request).await.unwrap().into_inner()
    }
}
