//! A passkey as the first factor. The key names its account, so no identifier is asked for.
//!
//! A request takes one answer: its row is deleted in the transaction that settles the answer (INV-1). Whatever is wrong gets
//! the same answer as a wrong password, and charges nothing (INV-13).

use tidegate_core::{
    Account, AccountState, Denial, Fact, Factor, Id, MessagePurpose, Method, Product, Proof, Refusal, Secret,
};
use tidegate_factors::{
    method::{Consumes, Malformed, Verdict},
    passkey::{self, PasskeyAnswer},
    policy,
};
use tidegate_keyring::SealContext;
use tidegate_store::{
    Tx, accounts, attempts, factors,
    passkey_requests::{self, PasskeyRequest},
};

use super::begin::{DENIED, FirstProof, Origin, SignInStarted};
use crate::{CommandContext, Error, Fault, counters, material, notices::About};

impl Origin {
    pub(super) async fn by_passkey(
        self,
        cx: &CommandContext,
        json: Secret<String>,
    ) -> Result<SignInStarted, Error> {
        let answer = PasskeyAnswer::read(&json).map_err(malformed)?;
        let product = cx.product(&mut cx.view(), &self.product).await?;
        cx.idempotent(async |tx| {
            let account = accounts::get(tx, Id::from_uuid_bytes(answer.account)).await?;
            let begun = if let Some(account) = &account {
                self.answer(cx, tx, (&product, account), &answer).await?
            } else {
                if passkey_requests::take(tx, &answer.challenge).await?.is_none() {
                    cx.changes_nothing();
                }
                Err(Denial::UnknownPasskey)
            };
            match begun {
                Ok(begun) => Ok(begun),
                Err(why) => {
                    let denied = self.denied(cx, account.as_ref(), why);
                    match why {
                        // It closed the key.
                        Denial::PasskeyCopied => denied.record(tx).await?,
                        _ => denied.record_refusal(tx).await?,
                    }
                    Ok(DENIED)
                }
            }
        })
        .await
    }

    async fn answer(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (product, account): (&Product, &Account),
        answer: &PasskeyAnswer,
    ) -> Result<Result<SignInStarted, Denial>, Fault> {
        let request = passkey_requests::take(tx, &answer.challenge).await?;
        if request.is_none() {
            cx.changes_nothing();
        }
        let Some(request) = request.filter(|request| self.is_for(cx, request)) else {
            return Ok(Err(Denial::PasskeyNotRequested));
        };
        // The lock order puts accounts before factors; a token of a trusted device may have to lock the account.
        let account = &accounts::lock(tx, account.id).await?.ok_or(Fault::Dangling("account"))?;
        let factor = factors::by_lookup(tx, answer.lookup()).await?;
        let Some(factor) = factor.filter(|factor| is_passkey_of(factor, account)) else {
            return Ok(Err(Denial::UnknownPasskey));
        };
        if account.state != AccountState::Active {
            return Ok(Err(Denial::AccountNotUsable));
        }
        if !policy::admits(&product.settings.methods, Method::WebAuthn) {
            return Ok(Err(Denial::UnknownPasskey));
        }
        let counter = counters::of_factor(factor.id);
        if counters::is_closed(attempts::find(tx, &counter).await?.as_ref(), factor.method) {
            return Ok(Err(Denial::PasskeyClosed));
        }
        let Some(kept) = cx.query().factor_material(account.id, factor.id, factor.material.as_ref()) else {
            let event = cx.event(material::unreadable(factor.id, factor.method)).at(&product.key);
            event.of(account).from(&self.client).record_refusal(tx).await?;
            return Ok(Err(Denial::PasskeyUnreadable));
        };
        let context = SealContext::PasskeyRequest { realm: cx.realm() };
        let requested = cx.keyring().open(&context, &request.material)?;
        match passkey::verify(&kept, &requested, answer)? {
            Verdict::Right(consumes) => {
                let Consumes { mark, material, .. } = consumes;
                let material = material.map(|new| cx.seal_factor(account.id, factor.id, &new)).transpose()?;
                let (now, id) = (cx.now(), factor.id);
                if !factors::accept(tx, account.id, id, mark, material.as_ref(), now).await? {
                    return Ok(Err(Denial::WrongPasskey));
                }
                let proof = Proof { method: factor.method, at: now, factor: Some(id), mailed: false };
                let first = FirstProof {
                    proof,
                    counter: &counter,
                    reopens: None,
                    weak_password: false,
                    rehashed: None,
                };
                self.begin(cx, tx, (product, account), first).await.map(Ok)
            }
            Verdict::Copied => {
                self.close(cx, tx, (product, account), &factor).await?;
                Ok(Err(Denial::PasskeyCopied))
            }
            Verdict::Used | Verdict::Wrong | Verdict::Denied { .. } => Ok(Err(Denial::WrongPasskey)),
        }
    }

    /// Whether the request was made for this product and device, and has not expired (INV-3, INV-4).
    fn is_for(&self, cx: &CommandContext, request: &PasskeyRequest) -> bool {
        request.product == self.product
            && request.device == self.client.device
            && cx.now() < request.expires_at
    }

    /// Closes the key, of which there is a copy, and tells its owner.
    async fn close(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (product, account): (&Product, &Account),
        factor: &Factor,
    ) -> Result<(), Fault> {
        counters::close(cx, tx, (factor.id, factor.method)).await?;
        let fact = Fact::FactorCopied { factor: factor.id, method: factor.method };
        cx.event(fact).at(&product.key).of(account).from(&self.client).record(tx).await?;
        let (to, about) = ((account, product, &self.client), About::factor(factor.label.clone()));
        cx.notify(tx, to, MessagePurpose::FactorCopied, about).await
    }
}

fn malformed(malformed: Malformed) -> Refusal {
    let must = match malformed {
        Malformed::UserHandle => "must name its account by userHandle",
        _ => "must be a PublicKeyCredential as JSON",
    };
    Refusal::AnswerMalformed { field: "passkey_json", must: must.to_owned() }
}

/// The key that the answer names must be the key of the account that it names (INV-39, INV-40).
fn is_passkey_of(factor: &Factor, account: &Account) -> bool {
    factor.method == Method::WebAuthn && factor.account == account.id
}
