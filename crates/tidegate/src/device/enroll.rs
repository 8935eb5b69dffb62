//! `tidegate device enroll`: makes a key and enrolls it as a factor of the account whose session is given.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use tidegate_client::DeviceKey;
use tidegate_core::{ProductKey, Secret};
use tidegate_proto::{self as proto, EnrollmentState, setup::Setup};

use super::{
    input::InputLines,
    key_file::{EnrolledDevice, KeyFile},
    owner::Owner,
    push_address::PushAddressArgs,
    show,
};
use crate::{ambient::SystemEntropy, files, server::Server};

#[derive(Args)]
#[command(mut_arg("credential_file", |argument| {
    argument.help("The file that holds the credential. Its role: frontend or operator")
}))]
pub struct Enroll {
    /// Key of the product that the session is of.
    #[arg(long, value_name = "KEY")]
    product: ProductKey,
    /// The file that holds the owner's session token; `-` reads it from the first line of standard input.
    #[arg(long, value_name = "FILE")]
    session_token_file: PathBuf,
    /// What the device does: it asks to approve, or it shows codes.
    #[arg(long, value_enum, default_value_t = DeviceMethod::Push)]
    method: DeviceMethod,
    /// What the owner calls the device.
    #[arg(long, default_value = "")]
    label: String,
    /// The file to make for the device's key. The factor's id goes to the file of the same name that ends in .json.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Look every second whether a mailed link was opened, and do not wait for Enter.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    push_address: PushAddressArgs,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, ValueEnum)]
enum DeviceMethod {
    Push,
    DeviceCode,
}

impl From<DeviceMethod> for proto::Method {
    fn from(method: DeviceMethod) -> Self {
        match method {
            DeviceMethod::Push => Self::Push,
            DeviceMethod::DeviceCode => Self::DeviceCode,
        }
    }
}

pub async fn enroll(enroll: Enroll) -> anyhow::Result<ExitCode> {
    let (mut input, file) = (InputLines::default(), KeyFile::named(&enroll.key_file)?);
    file.ensure_absent()?;
    let session_token = read_token(&enroll.session_token_file, &mut input).await?;
    let owner = Owner { client: enroll.server.connect().await?, session_token };
    let account_id = owner.account_id(enroll.product.as_str()).await?;
    let key = DeviceKey::generate(&SystemEntropy);
    let device =
        proto::DeviceKey { public_key: key.public_key(), push_address: enroll.push_address.into_address() };
    let begun = owner.begin(enroll.method.into(), &enroll.label, device).await?;
    let enrollment = begun.enrollment.context("the server returned no enrollment")?;
    let product = enrollment.product.clone();
    ensure!(product == enroll.product.as_str(), "the session is of the product {}", show::plain(&product));
    let setup = if enrollment.state() == EnrollmentState::AwaitingConfirmation {
        let next = if enroll.wait { "." } else { ", then press Enter." };
        println!("A mail was sent to {}: open its link{next}", show::plain(&begun.sent_to));
        owner.confirmed(&enrollment, (!enroll.wait).then_some(&mut input)).await?;
        owner.continued(&enrollment).await?
    } else {
        begun.setup
    };
    let Some(Setup::Device(device)) = setup.and_then(|setup| setup.setup) else {
        bail!("the server returned no set-up of a device");
    };
    // Written before the call: the server may carry out a call whose answer is lost, and then needs this key.
    file.write_key(&key)?;
    let completed = owner.completed(&enrollment, key.sign_enrollment(&device.nonce)).await;
    let completed = completed.with_context(|| format!("{} was kept", file.path().display()))?;
    let outcome = completed.outcome();
    if outcome != proto::ProofOutcome::Approved {
        file.remove_key()?;
        bail!("the server answered {}", outcome.as_str_name());
    }
    let factor_id = completed.factor.context("the server returned no factor")?.id;
    println!("{} is enrolled; its key is in {}.", show::plain(&factor_id), file.path().display());
    let written = file.write_about(&EnrolledDevice { factor_id, account_id, product });
    if !completed.recovery_codes.is_empty() {
        println!("Recovery codes, which are shown only now:");
        completed.recovery_codes.iter().for_each(|code| println!("  {}", show::plain(code)));
    }
    written?;
    Ok(ExitCode::SUCCESS)
}

async fn read_token(path: &Path, input: &mut InputLines) -> anyhow::Result<Secret<String>> {
    let text = if path == Path::new("-") {
        Secret::new(input.next().await.context("standard input has no session token")?)
    } else {
        files::read_secret(path)?
    };
    let token = text.expose().trim();
    ensure!(!token.is_empty(), "the session token is empty");
    Ok(Secret::new(token.to_owned()))
}
