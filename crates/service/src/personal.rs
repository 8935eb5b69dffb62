//! Personal fields, sealed with their account's own key. Dropping that key erases them all.

use tidegate_core::{AccountId, Personal, Sealed};
use tidegate_keyring::PersonalContext;

use crate::QueryContext;

impl QueryContext {
    /// `None` when the account's key is damaged. An alarm is logged, and what is stored has no personal fields.
    pub(crate) fn seal_personal(
        &self,
        (account, key): (AccountId, &Sealed),
        context: PersonalContext,
        personal: &Personal,
    ) -> Option<Sealed> {
        let whose = (self.realm(), account);
        let sealed = self.keyring().seal_personal(key, whose, context, personal, self.entropy());
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
        self.keyring().open_personal(key, (self.realm(), account), context, sealed).ok()
    }
}
