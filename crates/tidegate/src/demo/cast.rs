//! Who calls: the realm, its products, and a client for each of seven roles.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tidegate_client::{Client, Settings};
use tidegate_core::Secret;
use tidegate_proto as proto;

use super::{TIMEOUT, put_credential, teller};

/// The realm, and the clients of the services that use it.
pub struct Demo {
    /// Imports accounts and creates products.
    pub admin: Client,
    /// The back end of the apps: sign-in, enrollment, challenges, sessions.
    pub frontend: Client,
    /// The app of the owners' devices: it shows prompts and codes.
    pub device_app: Client,
    /// A product manager's tool.
    pub manager: Client,
    /// Two persons who approve.
    pub ann: Client,
    pub bob: Client,
    /// Helps owners.
    pub support: Client,
    /// Reads the record.
    pub auditor: Client,
    pub folder: PathBuf,
    pub mails: PathBuf,
    pub texts: PathBuf,
}

impl Demo {
    pub async fn set_up(
        address: SocketAddr,
        operator: Secret<String>,
        folder: &Path,
        (mails, texts): (&Path, &Path),
    ) -> anyhow::Result<Self> {
        teller::title("A realm, two products, credentials of seven roles");
        let connect = async |credential: Secret<String>, realm: Option<&str>| {
            let settings = Settings {
                address: format!("http://{address}"),
                deadline: TIMEOUT,
                realm: realm.map(str::parse).transpose().context("the realm's key")?,
                ..Settings::new(credential)
            };
            Client::connect(&settings).await.context("failed to reach the server")
        };
        let home = connect(operator.clone(), None).await?;
        let realm = proto::CreateRealmRequest {
            key: "acme".into(),
            title: "Acme smart home".into(),
            ..Default::default()
        };
        home.realms().create_realm(realm).await.context("CreateRealm")?;
        let operator = connect(operator, Some("acme")).await?;
        teller::say("realm acme");

        let held = async |name: &str, role: proto::RoleType, holder: &str| -> anyhow::Result<Client> {
            let request = proto::CreateCredentialRequest {
                role: role.into(),
                all_products: true,
                title: name.into(),
                holder: holder.into(),
                ..Default::default()
            };
            let created = operator.access().create_credential(request).await.context("CreateCredential")?;
            let token = Secret::new(created.into_inner().token);
            put_credential(folder, name, &token)?;
            connect(token, None).await
        };
        let role = async |name: &str, role: proto::RoleType| held(name, role, "the demo").await;
        let demo = Self {
            admin: role("admin", proto::RoleType::Admin).await?,
            frontend: role("frontend", proto::RoleType::Frontend).await?,
            device_app: role("device-app", proto::RoleType::DeviceApp).await?,
            manager: role("rollout-manager", proto::RoleType::RolloutManager).await?,
            ann: held("approver-ann", proto::RoleType::RolloutApprover, "Ann").await?,
            bob: held("approver-bob", proto::RoleType::RolloutApprover, "Bob").await?,
            support: role("support", proto::RoleType::Support).await?,
            auditor: role("auditor", proto::RoleType::Auditor).await?,
            folder: folder.to_owned(),
            mails: mails.to_owned(),
            texts: texts.to_owned(),
        };
        teller::say(
            "credentials: admin, frontend, device_app, rollout_manager, two rollout_approvers, support, auditor",
        );
        for (key, title) in [("kasa", "Kasa"), ("tapo", "Tapo")] {
            let link_url = format!("https://{key}.example/confirm");
            let request = proto::CreateProductRequest {
                key: key.into(),
                title: title.into(),
                settings: Some(proto::ProductSettings { link_url, ..Default::default() }),
                ..Default::default()
            };
            demo.admin.products().create_product(request).await.context("CreateProduct")?;
            teller::say(&format!("product {key}"));
        }
        Ok(demo)
    }

    /// Changes the settings of the product kasa that the paths name.
    pub async fn update_kasa(&self, settings: proto::ProductSettings, paths: &[&str]) -> anyhow::Result<()> {
        let request = proto::GetProductRequest { product: "kasa".into() };
        let kasa =
            self.admin.products().get_product(request).await.context("GetProduct")?.into_inner().product;
        let mut update = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: kasa.context("a product")?.etag,
            settings: Some(settings),
            ..Default::default()
        };
        update.update_mask.get_or_insert_default().paths = paths.iter().map(ToString::to_string).collect();
        self.admin.products().update_product(update).await.context("UpdateProduct")?;
        Ok(())
    }
}
