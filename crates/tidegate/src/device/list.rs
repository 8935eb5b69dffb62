//! `tidegate device list`: shows once what waits.

use std::process::ExitCode;

use clap::Args;

use super::{DeviceArgs, explained, show};
use crate::ambient::AuthorityClock;

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    device: DeviceArgs,
}

pub async fn list(list: List) -> anyhow::Result<ExitCode> {
    let (device, _) = list.device.connect().await?;
    let pushes = device.list(None).await.map_err(explained)?;
    if pushes.is_empty() {
        println!("nothing waits");
    }
    for push in &pushes {
        println!("{}", show::push(push, AuthorityClock::host()));
    }
    Ok(ExitCode::SUCCESS)
}
