//! Whether a new password is acceptable for an account (SP 800-63B-4 §3.1.1.2). Every use case that sets a password asks
//! here, before it hashes and outside its transaction: judging keeps a processor busy for some milliseconds.
//!
//! An account signs in at every product of its realm, so that the strictest of them decides how long its password must be.

use tidegate_core::{
    Account, Email, ExternalId, PasswordFlaw, PasswordLength, Product, Realm, Refusal, Secret, Span,
};
use tidegate_keyring::rules::{OwnWords, PasswordRules};
use tidegate_store::{products, realms};
use tracing::Instrument as _;

use crate::{CommandContext, Error, Fault, QueryContext};

/// Products that are read at a time.
const PAGE_SIZE: i64 = 1_000;

/// The words of an account that its password must not consist of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountWords<'a> {
    pub(crate) email: Option<&'a Email>,
    pub(crate) external_id: Option<&'a ExternalId>,
}

impl<'a> From<&'a Account> for AccountWords<'a> {
    fn from(account: &'a Account) -> Self {
        let email = account.contact.as_ref().map(|contact| &contact.email);
        Self { email, external_id: account.external_id.as_ref() }
    }
}

impl AccountWords<'_> {
    fn own_words(self) -> OwnWords {
        let email = self.email.map(Email::as_typed);
        let texts = email.into_iter().chain(self.external_id.map(ExternalId::as_str));
        texts.fold(OwnWords::default(), OwnWords::with)
    }
}

/// The hash of a new password, if it is acceptable for the account.
pub(crate) async fn hash(
    cx: &CommandContext,
    words: impl Into<AccountWords<'_>>,
    password: &Secret<String>,
) -> Result<String, Error> {
    cx.acceptable_password(words, password).await?;
    let hash = cx.passwords().hash(password, cx.entropy());
    let hashed = hash.instrument(tracing::debug_span!("password_hash")).await;
    let hashed = hashed.map_err(|_| Refusal::TooManyPasswords { retry_after: Span::seconds(1) })?;
    Ok(hashed.map_err(Fault::from)?)
}

impl CommandContext {
    /// Refuses a new password with everything that is wrong with it.
    async fn acceptable_password(
        &self,
        words: impl Into<AccountWords<'_>>,
        password: &Secret<String>,
    ) -> Result<(), Error> {
        let rules = self.query().password_rules(words.into()).await?;
        let violations = self.query().password_flaws(rules, password).await?;
        if violations.is_empty() { Ok(()) } else { Err(Refusal::PasswordNotAcceptable { violations }.into()) }
    }

    /// Whether a right password would not be accepted as a new one, so that its owner can be asked to choose another. It is
    /// never a reason to refuse a sign-in. `false` where it cannot be found out. Takes no transaction, and reads the
    /// realm's products from the cache.
    pub(crate) async fn is_weak_password(
        &self,
        words: impl Into<AccountWords<'_>>,
        password: &Secret<String>,
    ) -> bool {
        let flaws = async {
            let rules = self.query().cached_password_rules(words.into()).await?;
            self.query().password_flaws(rules, password).await
        };
        match flaws.await {
            Ok(flaws) => flaws.iter().any(|flaw| !matches!(flaw, PasswordFlaw::TooLong { .. })),
            Err(Error::Refused(_)) => false,
            Err(Error::Failed(fault)) => {
                tracing::error!(error = story(&fault), "the password of a sign-in was not judged");
                false
            }
        }
    }
}

impl QueryContext {
    async fn password_flaws(
        &self,
        rules: PasswordRules,
        password: &Secret<String>,
    ) -> Result<Vec<PasswordFlaw>, Error> {
        let judged = self.passwords().judge(password, rules);
        let judged = judged.instrument(tracing::debug_span!("password_rules")).await;
        let judged = judged.map_err(|_| Refusal::TooManyPasswords { retry_after: Span::seconds(1) })?;
        Ok(judged.map_err(Fault::from)?)
    }

    /// The rules of the realm: all its titles are words that an attacker tries.
    async fn password_rules(&self, words: AccountWords<'_>) -> Result<PasswordRules, Fault> {
        let (mut view, mut all, mut last) = (self.view(), Vec::new(), String::new());
        loop {
            let some = products::page(&mut view, &last, PAGE_SIZE).await?;
            let Some(end) = some.last() else { break };
            last = end.key.to_string();
            all.extend(some);
        }
        let realm = realms::get(&mut self.across(), self.realm()).await?;
        Ok(rules_of(words, realm.as_ref(), all.iter()))
    }

    /// The same, without the realm's title, and as they were up to a second ago.
    async fn cached_password_rules(&self, words: AccountWords<'_>) -> Result<PasswordRules, Fault> {
        Ok(rules_of(words, None, self.snapshot().await?.products()))
    }
}

fn rules_of<'p>(
    words: AccountWords<'_>,
    realm: Option<&Realm>,
    products: impl Iterator<Item = &'p Product>,
) -> PasswordRules {
    let (mut own_words, mut least) = (words.own_words(), None);
    if let Some(realm) = realm {
        own_words = own_words.with(realm.title.as_str());
    }
    for product in products {
        own_words = own_words.with(product.title.as_str());
        least = least.max(Some(product.settings.min_password_length.characters()));
    }
    PasswordRules { least: least.unwrap_or(PasswordLength::default().characters()), own_words }
}

/// The errors of the chain. Only `Display`, which quotes nothing of a password.
fn story(error: &dyn std::error::Error) -> String {
    let links = std::iter::successors(Some(error), |link| link.source());
    links.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
