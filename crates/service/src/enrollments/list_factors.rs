//! Lists the second factors that count at the product and where each was added, never their secrets. What support sees is
//! recorded.

use serde::{Deserialize, Serialize};
use tidegate_core::{Factor, FactorId, Method, Permission, Subject, Timestamp, Title};
use tidegate_factors::policy;
use tidegate_store::recovery_codes;

use crate::{
    Command, CommandContext, Error,
    factors::{ShownOrigin, usable_codes},
    idempotency::outcomes,
    offers::with_hints,
};

#[derive(Debug)]
pub struct ListFactors {
    pub subject: Subject,
}

/// Oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Factors(pub Vec<Listed>);

outcomes!(Factors);

#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    pub id: FactorId,
    pub method: Method,
    #[serde(default)]
    pub label: Option<Title>,
    #[serde(default)]
    pub hint: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// How many codes of a set of recovery codes are unused.
    pub codes_left: usize,
    /// Until when an access pass of the set can be used.
    #[serde(default)]
    pub pass_until: Option<Timestamp>,
    #[serde(default)]
    pub origin: Option<ShownOrigin>,
}

impl Command for ListFactors {
    const NAME: &'static str = "list_factors";
    const PERMISSION: Permission = Permission::TwoStepRead;
    type Outcome = Factors;

    async fn run(self, cx: &CommandContext) -> Result<Factors, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.not_signing_in()?;
        let mut view = cx.view();
        let mut listed = Factors::default();
        let counts = |factor: &Factor| policy::counts(&acting.product.settings.methods, factor.method);
        for factor in with_hints(&mut view, &acting.account).await?.into_iter().filter(counts) {
            let (codes_left, pass_until) = match factor.method {
                Method::RecoveryCodes => {
                    let own = recovery_codes::own(&mut view, factor.account, factor.id).await?;
                    let usable = usable_codes(cx.query(), &mut view, factor.account, factor.id).await?;
                    let pass_until = usable.iter().find_map(|code| code.expires_at);
                    // A set that holds nothing but an access pass is shown while the pass can be used: an owner who is signed
                    // in answers a challenge of it.
                    if own.is_none() && pass_until.is_none() {
                        continue;
                    }
                    (own.map_or(0, |own| own.left), pass_until)
                }
                _ => (0, None),
            };
            let origin = cx.query().shown_origin(&acting.account, &factor);
            let Factor { id, method, label, hint, created_at, last_used_at, .. } = factor;
            listed.0.push(Listed {
                id,
                method,
                label,
                hint,
                created_at,
                last_used_at,
                codes_left,
                pass_until,
                origin,
            });
        }
        cx.idempotent(async |tx| {
            cx.record_seen(tx, &acting).await?;
            Ok(listed)
        })
        .await
    }
}
