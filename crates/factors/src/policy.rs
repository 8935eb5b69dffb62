//! A product's method policy: one function each for offering, binding and removing a factor.

use tidegate_core::{
    Channel, Email, Factor, FactorId, Level, Method, MethodPolicy, MethodRule, MethodSet, Offer, PolicyFlaw,
    Removable, Requirement, Span, Timestamp,
};

use crate::method;

/// The factors that can take a second step: the preferred method first, and within a method the
/// oldest factor first. A factor that cannot meet the requirement is not offered.
pub fn offers(policy: &MethodPolicy, factors: &[Factor], requirement: Requirement) -> Vec<Offer> {
    let usable = policy.methods().filter(|method| is_offered(policy, *method, requirement));
    let of_method = |method: Method| factors.iter().filter(move |factor| factor.method == method);
    usable.flat_map(of_method).map(offer).collect()
}

/// The last way of a sign-in: a set of recovery codes. Every product takes them, whatever it requires, because the session
/// that they give can do nothing but re-bind factors.
pub fn recovery_offers(factors: &[Factor]) -> impl Iterator<Item = Offer> {
    factors.iter().filter(|factor| factor.method == Method::RecoveryCodes).map(offer)
}

fn is_offered(policy: &MethodPolicy, method: Method, requirement: Requirement) -> bool {
    let Some(worth) = method::rules(method).worth.filter(|_| method.is_second_step()) else { return false };
    requirement.is_met_by(worth, false) && is_strong_enough(policy, method)
}

/// For so long after the first factor was added, "this wasn't me" takes it back (INV-57).
const PROVISIONAL_FOR: Span = Span::days(7);

/// The factors that "this wasn't me" takes back: all that were enrolled, with the recovery codes, while the oldest of them is
/// provisional. Later ones rest on the first one's proof. An imported one is not provisional, because it was not added here.
pub fn provisional(factors: &[Factor], now: Timestamp) -> Vec<&Factor> {
    let enrolled = factors.iter().filter(|factor| is_enrolled(factor.method));
    let first = enrolled.min_by_key(|factor| factor.created_at);
    let provisional =
        first.is_some_and(|first| first.origin.is_some() && now.since(first.created_at) < PROVISIONAL_FOR);
    let rests_on_it = |factor: &&Factor| is_enrolled(factor.method) || factor.method == Method::RecoveryCodes;
    factors.iter().filter(rests_on_it).filter(|_| provisional).collect()
}

/// Whether the account has a second factor that its owner enrolled. A verified address is none: it was not enrolled, and
/// each product decides whether it counts.
pub fn has_enrolled(factors: &[Factor]) -> bool {
    factors.iter().any(|factor| is_enrolled(factor.method))
}

pub(crate) fn is_enrolled(method: Method) -> bool {
    method.is_second_step() && method::rules(method).enrollable
}

/// Whether the method is a second step without an enrollment, as a verified address is.
fn counts_unenrolled(method: Method) -> bool {
    method.is_second_step() && !method::rules(method).enrollable
}

/// Whether a factor of this method counts at the product, so that it is listed and offered.
pub fn counts(policy: &MethodPolicy, method: Method) -> bool {
    method::rules(method).enrollable || !method.is_second_step() || policy.methods().any(|one| one == method)
}

/// Whether the account's mailbox is all that protects it at the product: the only second step, and the way to a new
/// password.
pub fn is_mailbox_only(policy: &MethodPolicy, factors: &[Factor]) -> bool {
    let offered = offers(policy, factors, Requirement::SecondStep);
    !offered.is_empty() && offered.iter().all(|offer| !is_enrolled(offer.method))
}

/// Whether a factor of this method can be answered: where it sends its codes, it must know where to.
pub fn is_reached(method: Method, email: Option<&Email>) -> bool {
    match method::rules(method).sends {
        Some(Channel::Mail) => email.is_some(),
        Some(Channel::Push | Channel::Sms) | None => true,
    }
}

/// Whether the factor proves a change where the product does not offer it for sign-ins: a verified address does, while
/// the account has nothing stronger.
pub fn proves_change(factors: &[Factor], factor: &Factor) -> bool {
    counts_unenrolled(factor.method) && !has_enrolled(factors)
}

fn offer(factor: &Factor) -> Offer {
    let Factor { id, method, label, hint, .. } = factor;
    Offer { factor: *id, method: *method, label: label.clone(), hint: hint.clone() }
}

/// Whether a proof of this method counts for sign-ins at the product: a policy may change while a sign-in is under way.
pub fn admits(policy: &MethodPolicy, method: Method) -> bool {
    !method.is_second_step() || policy.methods().any(|one| one == method && is_strong_enough(policy, one))
}

fn is_strong_enough(policy: &MethodPolicy, method: Method) -> bool {
    !policy.phishing_resistant_only || method::rules(method).worth >= Some(Level::Aal2Phr)
}

/// The methods by which a second step can be taken at the product.
pub fn second_steps(policy: &MethodPolicy) -> Vec<Method> {
    policy.methods().filter(|method| is_offered(policy, *method, Requirement::SecondStep)).collect()
}

/// Whether a method that is allowed can meet the requirement.
pub fn can_meet(policy: &MethodPolicy, requirement: Requirement) -> bool {
    policy.methods().any(|method| is_offered(policy, method, requirement))
}

/// Whether an account with factors of these methods finds a way into a sign-in that requires so much: by a factor, by one
/// that proves who enrolls a stronger one, or by a recovery code. A verified address is a factor where the product takes it.
pub fn has_way(policy: &MethodPolicy, methods: &[Method], verified: bool, requirement: Requirement) -> bool {
    let proves = |method: &Method| {
        *method == Method::RecoveryCodes
            || is_enrolled(*method) && is_offered(policy, *method, Requirement::SecondStep)
    };
    let by_mail = |method: Method| counts_unenrolled(method) && is_offered(policy, method, requirement);
    methods.iter().any(proves) || verified && policy.methods().any(by_mail)
}

/// What an account has that may take a second step.
#[derive(Debug, Clone, Copy)]
pub struct Owned<'o> {
    pub methods: &'o [Method],
    pub email_verified: bool,
}

/// The methods that are closed for an account of those that rollouts have ended for it: all, or none where nothing else that the
/// product allows could meet the requirement. So an end never takes the last way, neither to sign in nor to enroll.
pub fn closed(
    policy: &MethodPolicy,
    ended: MethodSet,
    owned: Owned<'_>,
    requirement: Requirement,
) -> MethodSet {
    let has = |method: &Method| owned.methods.contains(method);
    let reachable = |method: Method| {
        let rule = policy.rule(method).filter(|_| method::rules(method).enrollable);
        let bindable = |required: &Method| {
            has(required) || *required == Method::RecoveryCodes || !ended.contains(*required)
        };
        has(&method)
            || owned.email_verified && counts_unenrolled(method)
            || rule.is_some_and(|rule| rule.requires.iter().all(bindable))
    };
    let requirement = requirement.max(Requirement::SecondStep);
    let open =
        |method| !ended.contains(method) && is_offered(policy, method, requirement) && reachable(method);
    if ended.is_empty() || policy.methods().any(open) { ended } else { MethodSet::EMPTY }
}

/// The methods that the policy allows, and that could not meet the requirement.
pub fn too_weak(policy: &MethodPolicy, requirement: Requirement) -> impl Iterator<Item = Method> + '_ {
    policy.methods().filter(move |method| !is_offered(policy, *method, requirement))
}

/// Whether one of the account's factors meets the requirement, as far as their methods tell. A key of another relying party would
/// not, so that keys are left out.
pub fn meets(policy: &MethodPolicy, owned: Owned<'_>, requirement: Requirement) -> bool {
    policy.methods().any(|method| {
        let rules = method::rules(method);
        let has = owned.methods.contains(&method) && rules.enrollable && !rules.needs_relying_party;
        (has || owned.email_verified && counts_unenrolled(method)) && is_offered(policy, method, requirement)
    })
}

/// What is wrong with a policy: it must leave every account a way to enroll (INV-43).
pub fn flaws(policy: &MethodPolicy) -> Vec<PolicyFlaw> {
    let mut flaws = Vec::new();
    if !policy.methods().any(Method::is_second_step) {
        flaws.push(PolicyFlaw::NoSecondStep);
    } else if second_steps(policy).is_empty() {
        flaws.push(PolicyFlaw::NoPhishingResistant);
    }
    // A verified address is there before anything is enrolled. Recovery codes come with the first second factor.
    let mut active: Vec<Method> = policy.methods().filter(|method| counts_unenrolled(*method)).collect();
    let mut waiting: Vec<&MethodRule> =
        policy.rules.iter().filter(|rule| method::rules(rule.method).enrollable).collect();
    loop {
        let before = waiting.len();
        waiting.retain(|rule| {
            let has = |required: &Method| {
                active.contains(required) || *required == Method::RecoveryCodes && !active.is_empty()
            };
            let bindable = rule.requires.iter().all(has);
            if bindable {
                active.push(rule.method);
            }
            !bindable
        });
        if waiting.len() == before {
            break;
        }
    }
    flaws.extend(waiting.into_iter().map(|rule| PolicyFlaw::NeverBindable(rule.method)));
    flaws
}

/// How many factors of one method an account may have.
pub const MAX_OF_METHOD: usize = 10;

/// Why a factor of a method cannot be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotBindable {
    /// The product does not allow the method, or owners do not enroll it.
    NotAllowed,
    /// The account has one, and the method allows no second.
    AlreadyEnrolled,
    /// The account has as many of the method as it may have.
    TooMany,
    /// A factor of this method must be active first.
    Requires(Method),
}

pub fn may_bind(policy: &MethodPolicy, factors: &[Factor], method: Method) -> Result<(), NotBindable> {
    let rules = method::rules(method);
    let rule = policy.rule(method).filter(|_| rules.enrollable).ok_or(NotBindable::NotAllowed)?;
    let has = |method: Method| factors.iter().any(|factor| factor.method == method);
    if has(method) && !rules.several {
        return Err(NotBindable::AlreadyEnrolled);
    }
    if factors.iter().filter(|factor| factor.method == method).count() >= MAX_OF_METHOD {
        return Err(NotBindable::TooMany);
    }
    rule.requires
        .iter()
        .find(|required| !has(**required))
        .map_or(Ok(()), |first| Err(NotBindable::Requires(*first)))
}

/// Why a factor cannot be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRemovable {
    /// The factor is the verified address; it goes with the address.
    Address,
    /// The policy never lets factors of this method be removed.
    Never,
    /// Another active factor requires one of this method.
    RequiredBy(Method),
    /// Fewer usable second factors would be left than the policy's minimum while a second step is
    /// required (INV-21).
    TooFewLeft,
}

pub fn may_remove(
    policy: &MethodPolicy,
    factors: &[Factor],
    factor: FactorId,
    requirement: Requirement,
) -> Result<(), NotRemovable> {
    let Some(removed) = factors.iter().find(|one| one.id == factor) else { return Ok(()) };
    if counts_unenrolled(removed.method) {
        return Err(NotRemovable::Address);
    }
    if policy.rule(removed.method).is_some_and(|rule| rule.removable == Removable::Never) {
        return Err(NotRemovable::Never);
    }
    let left: Vec<Factor> = factors.iter().filter(|one| one.id != factor).cloned().collect();
    let gone = !left.iter().any(|one| one.method == removed.method);
    let needs =
        |one: &&Factor| policy.rule(one.method).is_some_and(|rule| rule.requires.contains(&removed.method));
    if let Some(dependent) = left.iter().find(needs).filter(|_| gone) {
        return Err(NotRemovable::RequiredBy(dependent.method));
    }
    let minimum = usize::try_from(policy.minimum).unwrap_or(usize::MAX);
    let counted = removed.method.is_second_step() && requirement != Requirement::None;
    if counted && offers(policy, &left, requirement).len() < minimum {
        return Err(NotRemovable::TooFewLeft);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Id, Timestamp};

    use super::*;

    fn factor(number: u8, method: Method) -> Factor {
        let (id, account) = (Id::from_uuid_bytes([number; 16]), Id::from_uuid_bytes([1; 16]));
        Factor::new(id, account, method, Timestamp::from_unix_micros(0))
    }

    fn policy() -> MethodPolicy {
        MethodPolicy::allowing([Method::Totp, Method::RecoveryCodes])
    }

    #[test]
    fn second_steps_that_meet_the_requirement_are_offered() {
        let factors = [factor(1, Method::RecoveryCodes), factor(2, Method::Totp)];
        let offered = |policy: &MethodPolicy, requirement| {
            offers(policy, &factors, requirement).iter().map(|offer| offer.factor).collect::<Vec<_>>()
        };
        assert_eq!(offered(&policy(), Requirement::SecondStep), [factors[1].id]);
        assert_eq!(offered(&policy(), Requirement::Aal2), [factors[1].id]);
        assert_eq!(offered(&policy(), Requirement::Aal2Phr), [], "a code can be relayed");
        let strict = MethodPolicy { phishing_resistant_only: true, ..policy() };
        assert_eq!(offered(&strict, Requirement::SecondStep), []);
        assert_eq!(offered(&MethodPolicy::allowing([Method::RecoveryCodes]), Requirement::SecondStep), []);
    }

    #[test]
    fn a_method_is_bound_where_it_is_allowed_and_what_it_requires_is_active() {
        let totp = factor(1, Method::Totp);
        let codes = factor(2, Method::RecoveryCodes);
        assert_eq!(may_bind(&policy(), &[], Method::Totp), Ok(()));
        assert_eq!(may_bind(&policy(), &[totp], Method::Totp), Ok(()), "a second phone");
        let many: Vec<_> = (1..=10).map(|number| factor(number, Method::Totp)).collect();
        assert_eq!(may_bind(&policy(), &many[1..], Method::Totp), Ok(()));
        assert_eq!(may_bind(&policy(), &many, Method::Totp), Err(NotBindable::TooMany));
        assert_eq!(may_bind(&policy(), &[], Method::Password), Err(NotBindable::NotAllowed));
        assert_eq!(may_bind(&policy(), &[], Method::RecoveryCodes), Err(NotBindable::NotAllowed));
        let requires = vec![Method::RecoveryCodes];
        let rule = MethodRule { method: Method::Totp, requires, removable: Removable::Always };
        let picky = MethodPolicy { rules: vec![rule], ..policy() };
        assert_eq!(may_bind(&picky, &[], Method::Totp), Err(NotBindable::Requires(Method::RecoveryCodes)));
        assert_eq!(may_bind(&picky, &[codes], Method::Totp), Ok(()));
    }

    #[test]
    fn inv_21_the_last_usable_factor_stays_while_one_is_required() {
        let factors = [factor(1, Method::Totp), factor(2, Method::RecoveryCodes)];
        let remove =
            |number: usize, requirement| may_remove(&policy(), &factors, factors[number].id, requirement);
        assert_eq!(remove(0, Requirement::SecondStep), Err(NotRemovable::TooFewLeft));
        assert_eq!(remove(0, Requirement::None), Ok(()));
        assert_eq!(remove(1, Requirement::SecondStep), Ok(()));
    }

    #[test]
    fn a_verified_address_counts_where_the_product_says_so() {
        let (mailbox, totp) = (factor(1, Method::EmailCode), factor(2, Method::Totp));
        let counting = MethodPolicy { email_is_factor: true, ..policy() };
        let offered = |policy: &MethodPolicy, requirement| {
            offers(policy, &[mailbox.clone(), totp.clone()], requirement)
                .iter()
                .map(|offer| offer.factor)
                .collect::<Vec<_>>()
        };
        assert_eq!(offered(&counting, Requirement::SecondStep), [totp.id, mailbox.id], "last");
        assert_eq!(offered(&counting, Requirement::Aal2), [totp.id], "a mailed code is not AAL2");
        assert_eq!(offered(&policy(), Requirement::SecondStep), [totp.id]);
        assert!(counts(&counting, Method::EmailCode) && !counts(&policy(), Method::EmailCode));
        assert!(is_mailbox_only(&counting, std::slice::from_ref(&mailbox)));
        assert!(!is_mailbox_only(&counting, &[mailbox.clone(), totp.clone()]));
        assert!(!is_mailbox_only(&policy(), std::slice::from_ref(&mailbox)), "it is no lock at all");
        let remove = may_remove(&counting, std::slice::from_ref(&mailbox), mailbox.id, Requirement::None);
        assert_eq!(remove, Err(NotRemovable::Address));
        let both = [mailbox.clone(), totp.clone()];
        assert_eq!(may_remove(&counting, &both, totp.id, Requirement::SecondStep), Ok(()));
        assert_eq!(
            may_remove(&policy(), &both, totp.id, Requirement::SecondStep),
            Err(NotRemovable::TooFewLeft)
        );
        assert!(proves_change(std::slice::from_ref(&mailbox), &mailbox) && !proves_change(&both, &mailbox));
        assert_eq!(may_bind(&counting, &[], Method::EmailCode), Err(NotBindable::NotAllowed));
    }

    #[test]
    fn inv_43_a_policy_leaves_a_way_to_enroll() {
        let rule = |method, requires: &[Method]| MethodRule {
            method,
            requires: requires.to_vec(),
            removable: Removable::Always,
        };
        let of = |rules: Vec<MethodRule>| MethodPolicy { rules, ..policy() };
        assert_eq!(flaws(&policy()), []);
        assert_eq!(flaws(&of(vec![rule(Method::RecoveryCodes, &[])])), [PolicyFlaw::NoSecondStep]);
        assert_eq!(flaws(&MethodPolicy { email_is_factor: true, ..of(vec![]) }), []);
        let circle = of(vec![rule(Method::Totp, &[Method::Totp])]);
        assert_eq!(flaws(&circle), [PolicyFlaw::NeverBindable(Method::Totp)]);
        let after_mail = of(vec![rule(Method::Totp, &[Method::EmailCode])]);
        assert_eq!(flaws(&after_mail), [PolicyFlaw::NeverBindable(Method::Totp)]);
        assert_eq!(flaws(&MethodPolicy { email_is_factor: true, ..after_mail }), []);
        let strict = MethodPolicy { phishing_resistant_only: true, ..policy() };
        assert_eq!(flaws(&strict), [PolicyFlaw::NoPhishingResistant]);
    }

    #[test]
    fn a_proof_counts_while_the_policy_has_its_method() {
        let counting = MethodPolicy { email_is_factor: true, ..policy() };
        assert!(admits(&counting, Method::EmailCode) && !admits(&policy(), Method::EmailCode));
        assert!(admits(&policy(), Method::Password) && admits(&policy(), Method::RecoveryCodes));
        let strict = MethodPolicy { phishing_resistant_only: true, ..policy() };
        assert!(!admits(&strict, Method::Totp));
    }

    #[test]
    fn what_the_policy_keeps_is_not_removed() {
        let factors = [factor(1, Method::Totp), factor(2, Method::RecoveryCodes)];
        let rule = |method, requires, removable| MethodRule { method, requires, removable };
        let kept = MethodPolicy {
            rules: vec![
                rule(Method::Totp, vec![Method::RecoveryCodes], Removable::Never),
                rule(Method::RecoveryCodes, vec![], Removable::Always),
            ],
            ..policy()
        };
        let remove = |number: usize| may_remove(&kept, &factors, factors[number].id, Requirement::None);
        assert_eq!(remove(0), Err(NotRemovable::Never));
        assert_eq!(remove(1), Err(NotRemovable::RequiredBy(Method::Totp)));
    }
}
