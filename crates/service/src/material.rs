//! The material of factors and challenges: sealed for its context, and opened where it is needed.
//! If material cannot be opened, its factor is unavailable. It is not taken for absent, and no
//! guess is charged (INV-45).

use tidegate_core::{
    AccountId, ChallengeId, Enrollee, Enrollment, EnrollmentState, Fact, Factor, FactorId, Method, Sealed,
    Secret, Setup, Timestamp,
};
use tidegate_factors::method::{self, About, Opened, Outgoing, Reach};
use tidegate_keyring::SealContext;

use crate::{CommandContext, Fault, OneTimeSecret, QueryContext, acting::Acting};

impl QueryContext {
    /// The material of a factor; `None` when it cannot be opened. A method without material has
    /// none to open.
    pub(crate) fn factor_material(
        &self,
        account: AccountId,
        factor: FactorId,
        sealed: Option<&Sealed>,
    ) -> Option<Opened> {
        let context = SealContext::FactorMaterial { realm: self.realm(), account, factor };
        self.open_material(&context, sealed)
    }

    /// The material of a challenge; `None` when it cannot be opened.
    pub(crate) fn challenge_material(
        &self,
        account: AccountId,
        challenge: ChallengeId,
        sealed: &Sealed,
    ) -> Option<Opened> {
        let context = SealContext::ChallengeMaterial { realm: self.realm(), account, challenge };
        self.open_material(&context, Some(sealed))
    }

    fn open_material(&self, context: &SealContext, sealed: Option<&Sealed>) -> Option<Opened> {
        let Some(sealed) = sealed else { return Some(Secret::new(Vec::new())) };
        self.noted(self.keyring().open(context, sealed)).ok()
    }

    /// Whether answers to the factor can be verified where the owner is.
    pub(crate) fn is_readable_at(&self, factor: &Factor, reach: Reach<'_>) -> bool {
        if !method::rules(factor.method).needs_relying_party {
            return self.is_readable(factor);
        }
        let material = self.factor_material(factor.account, factor.id, factor.material.as_ref());
        self.is_readable(factor)
            && material.is_some_and(|material| method::is_usable_at(factor.method, &material, reach))
    }

    /// Whether answers to the factor can be verified.
    pub(crate) fn is_readable(&self, factor: &Factor) -> bool {
        let material = self.factor_material(factor.account, factor.id, factor.material.as_ref());
        let readable = material.is_some_and(|material| method::is_usable(factor.method, &material));
        if !readable {
            alarm(factor.id, factor.method);
        }
        readable
    }
}

/// A pending factor that was set up.
pub(crate) struct NewSetup {
    pub(crate) material: Sealed,
    /// What the person needs, which is shown once.
    pub(crate) setup: Setup<OneTimeSecret>,
    /// What is sent for it, and until when its code is valid.
    pub(crate) first_message: Option<(Outgoing, Timestamp)>,
}

impl CommandContext {
    pub(crate) fn seal_factor(
        &self,
        account: AccountId,
        factor: FactorId,
        material: &Opened,
    ) -> Result<Sealed, Fault> {
        let context = SealContext::FactorMaterial { realm: self.realm(), account, factor };
        Ok(self.keyring().seal(&context, material, self.entropy())?)
    }

    pub(crate) fn seal_challenge(
        &self,
        account: AccountId,
        challenge: ChallengeId,
        material: &Opened,
    ) -> Result<Sealed, Fault> {
        let context = SealContext::ChallengeMaterial { realm: self.realm(), account, challenge };
        Ok(self.keyring().seal(&context, material, self.entropy())?)
    }

    /// What a request said of what is enrolled, sealed in the place of the material until the enrollment goes on.
    pub(crate) fn keep_enrollee(
        &self,
        account: AccountId,
        factor: FactorId,
        enrollee: Option<&Enrollee>,
    ) -> Result<Option<Sealed>, Fault> {
        let Some(enrollee) = enrollee else { return Ok(None) };
        let plain = Secret::new(serde_json::to_vec(enrollee)?);
        self.seal_factor(account, factor, &plain).map(Some)
    }

    pub(crate) fn kept_enrollee(&self, enrollment: &Enrollment) -> Result<Option<Enrollee>, Fault> {
        let awaits =
            matches!(enrollment.state, EnrollmentState::AwaitingConfirmation | EnrollmentState::Confirmed);
        let Some(sealed) = enrollment.material.as_ref().filter(|_| awaits) else { return Ok(None) };
        let (realm, account, factor) = (self.realm(), enrollment.account, enrollment.factor);
        let context = SealContext::FactorMaterial { realm, account, factor };
        let plain = self.keyring().open(&context, sealed)?;
        Ok(serde_json::from_slice(plain.expose())?)
    }

    /// Makes the material of a pending factor, and what the person needs to set it up, which is
    /// shown once.
    pub(crate) fn set_up(
        &self,
        acting: &Acting,
        (method, factor): (Method, FactorId),
        enrollee: Option<&Enrollee>,
        registered: &[Factor],
    ) -> Result<NewSetup, Fault> {
        let account = &acting.account;
        let named = account.contact.as_ref().map(|contact| contact.email.as_typed().to_owned());
        let (named, product) =
            (named.unwrap_or_else(|| account.id.to_string()), acting.product.title.to_string());
        let same = registered.iter().filter(|other| other.method == method);
        let about = About {
            account: &named,
            product: &product,
            authenticator: acting.product.settings.authenticator,
            party: acting.product.settings.relying_party.as_ref(),
            enrollee,
            user: *account.id.as_bytes(),
            registered: &same.filter_map(|other| other.lookup.clone()).collect::<Vec<_>>(),
            now: self.now(),
        };
        let (material, setup) = method::begin(method, about, self.entropy())?;
        let first_message = method::first_message(method, &material)?;
        let material = self.seal_factor(account.id, factor, &material)?;
        Ok(NewSetup { material, setup: setup.map(OneTimeSecret::Now), first_message })
    }
}

/// Tells the operators, and returns the fact to record. The owner cannot repair the factor.
pub(crate) fn unreadable(factor: FactorId, method: Method) -> Fact {
    alarm(factor, method);
    Fact::FactorUnreadable { factor, method, count: 1 }
}

fn alarm(factor: FactorId, method: Method) {
    use tidegate_core::Word as _;
    tracing::error!(%factor, method = method.as_str(), "the stored material of a factor cannot be read");
}
