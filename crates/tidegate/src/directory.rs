//! `tidegate directory`: exports products of a running server as entries of the 2factorauth directory.
//!
//! An entry has no place for the date of verification and the attribution, so both go to standard error.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use tidegate_client::{Client, pages};
use tidegate_core::{ProductKey, Timestamp};
use tidegate_proto as proto;

use crate::server::Server;

#[derive(Args)]
pub struct ExportDirectory {
    /// Key of a product; may be given several times. Absent: every product of the realm that names its domain.
    #[arg(long = "product", value_name = "KEY")]
    products: Vec<ProductKey>,
    #[command(flatten)]
    server: Server,
}

/// An entry, its fields in the directory's order.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SiteEntry {
    domain: String,
    tfa: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_software: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_hardware: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    documentation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    recovery: String,
    categories: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regions: Vec<String>,
}

pub async fn export(export: ExportDirectory) -> anyhow::Result<ExitCode> {
    let client = export.server.connect().await?;
    let are_named = !export.products.is_empty();
    let mut keys = if are_named {
        export.products.into_iter().map(String::from).collect()
    } else {
        all_products(&client).await?
    };
    keys.sort();
    keys.dedup();
    let mut entries = BTreeMap::new();
    for key in keys {
        let directory = read(&client, &key).await?;
        if directory.domain.is_empty() {
            let what = format!("{key} names no domain: set settings.directory of the product");
            if are_named {
                bail!(what);
            }
            eprintln!("left out: {what}");
            continue;
        }
        eprintln!("{key}: {}; {}", verified(&directory), directory.attribution);
        let title = directory.title.clone();
        if entries.insert(title, SiteEntry::try_from(directory)?).is_some() {
            bail!("the title of {key} is that of another product: export one of them at a time");
        }
    }
    println!("{}", serde_json::to_string_pretty(&entries)?);
    Ok(ExitCode::SUCCESS)
}

async fn all_products(client: &Client) -> anyhow::Result<Vec<String>> {
    let first = proto::ListProductsRequest { page_size: 1_000, ..Default::default() };
    let list = async |request: proto::ListProductsRequest| {
        client.retrying(async move |client| client.products().list_products(request.clone()).await).await
    };
    let products = pages(first, list).collect().await?;
    Ok(products.into_iter().map(|product| product.key).collect())
}

async fn read(client: &Client, key: &str) -> anyhow::Result<proto::MethodDirectory> {
    let request = proto::GetMethodDirectoryRequest { product: key.to_owned() };
    let call = async move |client: &Client| client.products().get_method_directory(request.clone()).await;
    let answer = client.retrying(call).await.with_context(|| format!("failed to read {key}"))?;
    answer.into_inner().directory.with_context(|| format!("the server has no entry of {key}"))
}

fn verified(directory: &proto::MethodDirectory) -> String {
    let Some(at) = directory.verify_time else { return "never verified".to_owned() };
    let at = Timestamp::from_unix_micros(at.seconds.saturating_mul(1_000_000)).to_string();
    let date = at.split('T').next().unwrap_or_default();
    format!("verified {date}")
}

impl TryFrom<proto::MethodDirectory> for SiteEntry {
    type Error = anyhow::Error;

    fn try_from(directory: proto::MethodDirectory) -> anyhow::Result<Self> {
        let names = |category: proto::MethodCategory| {
            let of_it = directory.methods.iter().filter(move |one| one.category() == category);
            of_it.flat_map(|one| one.names.clone()).collect()
        };
        let excluded = directory.excluded_regions.iter().map(|region| format!("-{region}"));
        let regions = directory.regions.iter().cloned().chain(excluded);
        Ok(Self {
            tfa: directory.methods.iter().map(spelled).collect::<Result<_, _>>()?,
            custom_software: names(proto::MethodCategory::CustomSoftware),
            custom_hardware: names(proto::MethodCategory::CustomHardware),
            regions: regions.map(|region| region.to_lowercase()).collect(),
            domain: directory.domain,
            documentation: directory.documentation_url,
            recovery: directory.recovery_url,
            categories: directory.site_categories,
        })
    }
}

/// The directory's spelling of a category.
fn spelled(method: &proto::SupportedMethod) -> anyhow::Result<String> {
    let known = proto::MethodCategory::try_from(method.category);
    let category = known.context("the server knows a category that this program does not")?;
    Ok(category.as_str_name().trim_start_matches("METHOD_CATEGORY_").to_lowercase().replace('_', "-"))
}
