//! Gives a credential a new secret, under the same id. The old one is accepted for a while, so that a service can change
//! over without an outage.
//!
//! Whoever rotates knows the new secret. So the holder of a credential may rotate it, and otherwise only those who might
//! have created it, who are then behind it like those who did (`Issuers`).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Agent, CallerProof, Credential, CredentialId, Fact, Issuers, Permission, Refusal, Role, Span,
};
use tidegate_keyring::TokenKind;
use tidegate_store::{
    Tx,
    credentials::{self, CredentialRow, Rotated},
    installation,
};

use crate::{
    Command, CommandContext, Denied, Error, OneTimeSecret, Outcome,
    access::{create::permit_products, token_text},
};

#[derive(Debug)]
pub struct RotateCredential {
    pub credential: CredentialId,
    /// How long the old secret is accepted.
    pub overlap: Span,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RotatedCredential {
    pub credential: Credential,
    pub token: OneTimeSecret,
}

/// For so long the response to a rotation can be had again. The last operator's old secret must be accepted for at
/// least as long, or a lost response would lock everybody out.
const RESPONSE_KEPT: Span = Span::minutes(10);

impl Outcome for RotatedCredential {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        vec![&mut self.token]
    }
}

impl Command for RotateCredential {
    const NAME: &'static str = "rotate_credential";
    const PERMISSION: Permission = Permission::AnyCaller;
    type Outcome = RotatedCredential;

    async fn run(self, cx: &CommandContext) -> Result<RotatedCredential, Error> {
        // Before anything is looked up: others must not find out which credentials exist.
        if !is_own(cx.agent(), self.credential) {
            permit(cx.agent())?;
        }
        let (secret, digest) = TokenKind::Credential.mint(cx.entropy());
        cx.idempotent(async |tx| {
            let before = lock(tx, self.credential).await?;
            let by_holder = is_by_holder(cx.agent(), &before);
            if !by_holder {
                permit(cx.agent())?;
                if !cx.agent().may_issue(before.credential.role) {
                    return Err(Refusal::RoleNotPermitted.into());
                }
                permit_products(cx, &before.credential.products)?;
            }
            let now = cx.now();
            if !before.credential.is_live(now) {
                return Err(Refusal::CredentialEnded.into());
            }
            let mut credential = before.credential;
            let under_way = credential.previous_until.is_some_and(|until| now < until);
            let may_lock_out =
                credential.role == Role::Operator && (under_way || self.overlap < RESPONSE_KEPT);
            if may_lock_out && !credentials::other_operator(tx, credential.id, now).await? {
                return Err(Refusal::LastOperator.into());
            }
            let until = (self.overlap > Span::ZERO).then(|| now.plus(self.overlap));
            credential.previous_until = until;
            if !by_holder {
                credential.issuers = issuers(cx.agent(), &credential, until.is_none());
            }
            let previous = until.map(|until| (before.token, until));
            let rotated = Rotated { token: digest, previous, issuers: credential.issuers.clone() };
            credentials::rotate(tx, credential.id, rotated).await?;
            let overlap = self.overlap.micros() / Span::seconds(1).micros();
            let fact = Fact::CredentialRotated { credential: credential.id, overlap };
            cx.event(fact).record(tx).await?;
            let token = OneTimeSecret::Now(token_text(credential.id, &secret));
            Ok(RotatedCredential { credential, token })
        })
        .await
    }
}

/// Takes the installation's lock first if it is an operator's, for the rule of the last operator.
async fn lock(tx: &mut Tx, id: CredentialId) -> Result<CredentialRow, Denied> {
    let seen = credentials::get(tx, id).await?.ok_or(Refusal::CredentialNotFound)?;
    if seen.credential.role == Role::Operator {
        installation::lock(tx).await?;
    }
    Ok(credentials::lock(tx, id).await?.ok_or(Refusal::CredentialNotFound)?)
}

fn permit(agent: &Agent) -> Result<(), Refusal> {
    let permission = Permission::AccessManage;
    if agent.may(permission) { Ok(()) } else { Err(Refusal::PermissionDenied { permission }) }
}

fn is_own(agent: &Agent, id: CredentialId) -> bool {
    matches!(agent, Agent::Credential(caller) if caller.credential == id)
}

/// Whether the credential's holder rotates it: with the secret that is in force. Not with the one before, because a thief
/// of that one must not outlive the rotation; and not by a client certificate, which would then be worth a secret that can
/// be copied. The credential of an app is in every copy of the app, and has no holder who could be told from others.
fn is_by_holder(agent: &Agent, row: &CredentialRow) -> bool {
    let Agent::Credential(caller) = agent else { return false };
    let in_force = matches!(&caller.proof, CallerProof::Secret(digest) if row.token.matches(digest));
    is_own(agent, row.credential.id) && in_force && row.credential.role != Role::DeviceApp
}

/// Who is behind the credential once another agent knows a secret of it. An operator vouches for the holder anew, if all
/// earlier secrets end at once.
fn issuers(agent: &Agent, credential: &Credential, at_once: bool) -> Issuers {
    let theirs = agent.issuers();
    let vouched_for = theirs.is_empty() && at_once;
    if vouched_for { Issuers::operator() } else { credential.issuers.joined(&theirs) }
}
