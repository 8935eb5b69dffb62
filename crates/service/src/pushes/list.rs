//! Lists what waits for a device. The call itself shows that the device is in use.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountState, Channel, Fact, Factor, FactorId, Method, Permission, PushAddress, Refusal, Span,
    Timestamp,
};
use tidegate_factors::{
    device_code,
    enrolled_device::{self, DeviceRequest},
    method::{self, Opened},
    push::{self, Shown},
};
use tidegate_store::{Tx, View, accounts, challenges, factors, pauses};

use super::Listening;
use crate::{Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, QueryContext, Share};

/// How far the device's clock may differ. An attacker who sees a signed request can repeat it for as long, and so list the
/// device's prompts.
const CLOCK_TOLERANCE: Span = Span::minutes(2);
/// More than may wait at once.
const MAX_PUSHES: i64 = 20;

/// Shows that a call comes from a device.
#[derive(Debug)]
pub struct DeviceProof {
    pub factor: FactorId,
    pub signed_at: Timestamp,
    pub signature: Vec<u8>,
}

#[derive(Debug)]
pub struct ListPushes {
    /// The method's name in the contract, which the device signs.
    pub method: &'static str,
    pub device: DeviceProof,
    /// The device's address from now on.
    pub address: Option<PushAddress>,
}

/// What waits for a device.
#[derive(Debug, Serialize, Deserialize)]
pub struct Push {
    pub shown: Shown,
    pub method: Method,
    pub product_title: String,
    pub created_at: Timestamp,
    /// What the decision's signature covers.
    pub nonce: Option<Vec<u8>>,
    /// What the person types at the sign-in.
    pub code: Option<OneTimeSecret>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PushesListed {
    pub pushes: Vec<Push>,
    pub listening: Listening,
}

impl Outcome for PushesListed {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.pushes.iter_mut().filter_map(|push| push.code.as_mut()).collect()
    }
}

impl Command for ListPushes {
    const NAME: &'static str = "list_pushes";
    const PERMISSION: Permission = Permission::Pushes;
    const SHARE: Share = Share::Hot;
    type Outcome = PushesListed;

    async fn run(self, cx: &CommandContext) -> Result<PushesListed, Error> {
        let (account, factor, material) = self.device(cx.query()).await?.ok_or(Refusal::DeviceNotValid)?;
        let address = self.address.clone();
        cx.idempotent(async |tx| {
            reached(cx, tx, &account, (&factor, &material), address).await?;
            let listening = Listening { account: account.id, factor: factor.id };
            let pushes = waiting(cx.query(), tx, listening).await?;
            Ok(PushesListed { pushes, listening })
        })
        .await
    }
}

impl ListPushes {
    /// The device's account, factor and material. `None` for whatever is wrong.
    async fn device(&self, cx: &QueryContext) -> Result<Option<(Account, Factor, Opened)>, Fault> {
        let DeviceProof { factor, signed_at, signature } = &self.device;
        let mut view = cx.view();
        let Some(factor) = factors::by_id(&mut view, *factor).await? else { return Ok(None) };
        if method::rules(factor.method).sends != Some(Channel::Push) {
            return Ok(None);
        }
        let account = accounts::get(&mut view, factor.account).await?.ok_or(Fault::Dangling("account"))?;
        let Some(material) = cx.factor_material(account.id, factor.id, factor.material.as_ref()) else {
            return Ok(None);
        };
        let (method, at, address) = (self.method, *signed_at, self.address.as_ref());
        let request = DeviceRequest { method, factor: factor.id, at, address };
        let now = cx.now();
        let in_time = at.plus(CLOCK_TOLERANCE) >= now && at <= now.plus(CLOCK_TOLERANCE);
        let valid = in_time
            && account.state == AccountState::Active
            && enrolled_device::is_signed(&material, &request, signature);
        Ok(valid.then_some((account, factor, material)))
    }
}

/// Stores that the device called, if that changes anything.
async fn reached(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (factor, material): (&Factor, &Opened),
    address: Option<PushAddress>,
) -> Result<(), Fault> {
    let mut changed = false;
    if let Some(address) = address
        && let Some(material) = enrolled_device::at_address(material, address)?
    {
        let sealed = cx.seal_factor(account.id, factor.id, &material)?;
        changed = factors::reset(tx, account.id, factor.id, sealed).await?;
    }
    changed |= pauses::reach(tx, factor.id).await?;
    if changed {
        cx.event(Fact::DeviceReached { factor: factor.id }).of(account).record(tx).await?;
    }
    Ok(())
}

/// What waits for the device at the caller's products, the newest first.
pub(super) async fn waiting(
    cx: &QueryContext,
    view: &mut View,
    Listening { account, factor }: Listening,
) -> Result<Vec<Push>, Fault> {
    let mut pushes = Vec::new();
    for challenge in challenges::waiting(view, factor, cx.now(), MAX_PUSHES).await? {
        let posed = challenge.material.as_ref();
        let posed = posed.and_then(|sealed| cx.challenge_material(account, challenge.id, sealed));
        let Some(posed) = posed else { continue };
        let (shown, nonce, code) = if challenge.method == Method::Push {
            let details = push::details(&posed)?;
            (details.shown, Some(details.nonce.to_vec()), None)
        } else {
            let (shown, code) = device_code::details(&posed)?;
            (shown, None, Some(OneTimeSecret::Now(code)))
        };
        if !cx.agent().covers(&shown.product) {
            continue;
        }
        let product = tidegate_store::products::find(view, &shown.product).await?;
        let product_title = product.map(|product| product.title.to_string()).unwrap_or_default();
        let (method, created_at) = (challenge.method, challenge.created_at);
        pushes.push(Push { shown, method, product_title, created_at, nonce, code });
    }
    Ok(pushes)
}
