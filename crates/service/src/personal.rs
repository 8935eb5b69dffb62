//! Personal fields, sealed with their account's own key. Dropping that key erases them all.

use tidegate_core::{Account, AccountId, ClientContext, Personal, Sealed};
use tidegate_keyring::PersonalContext;

use crate::QueryContext;

impl QueryContext {
    /// What the caller said of the client, sealed; `None` when it said nothing.
    pub(crate) fn seal_client(
        &self,
        account: &Account,
        context: PersonalContext,
        client: &ClientContext,
    ) -> Option<Sealed> {
        let said = Personal { email: None, ip: client.ip, user_agent: client.user_agent.clone() };
        let whose = (account.id, &account.personal_key);
        (said != Personal::default()).then(|| self.seal_personal(whose, context, &said)).flatten()
    }

    /// The same as the owner is shown it. Empty: the caller said nothing, or what it said was erased.
    pub(crate) fn shown_client(
        &self,
        account: &Account,
        context: PersonalContext,
        client: Option<&Sealed>,
    ) -> String {
        let whose = (account.id, &account.personal_key);
        let said = client.and_then(|sealed| self.open_personal(whose, context, sealed));
        let Personal { ip, user_agent, .. } = said.unwrap_or_default();
        ClientContext { ip, user_agent, ..ClientContext::default() }.shown()
    }

    /// `None` when the account was purged, or its key is damaged. Of damage an alarm is logged, and what is stored has no
    /// personal fields.
    pub(crate) fn seal_personal(
        &self,
        (account, key): (AccountId, &Sealed),
        context: PersonalContext,
        personal: &Personal,
    ) -> Option<Sealed> {
        let whose = (self.realm(), account);
        if key.0.is_empty() {
            return None;
        }
        let sealed = self.keyring().seal_personal(key, whose, context, personal, self.entropy());
        let sealed = self.noted(sealed);
        let alarm = |_: &_| tracing::error!(%account, "the personal key of an account cannot be opened");
        sealed.inspect_err(alarm).ok()
    }

    /// `None` when the account was erased, or its key is damaged.
    pub(crate) fn open_personal(
        &self,
        (account, key): (AccountId, &Sealed),
        context: PersonalContext,
        sealed: &Sealed,
    ) -> Option<Personal> {
        self.noted(self.keyring().open_personal(key, (self.realm(), account), context, sealed)).ok()
    }
}
