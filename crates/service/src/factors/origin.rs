//! Where a factor was added, so that the owner can tell one that somebody else added. What the caller said of the client is
//! personal, so it is stored like the personal fields of events.

use serde::{Deserialize, Serialize};
use tidegate_core::{Account, ClientContext, Factor, FactorId, FactorOrigin, Personal, ProductKey};
use tidegate_keyring::PersonalContext;

use crate::{CommandContext, QueryContext, acting::Acting};

/// An origin as its owner sees it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownOrigin {
    pub product: ProductKey,
    /// Empty: the caller said nothing, or what it said was erased.
    pub client: String,
}

impl CommandContext {
    /// The origin of a factor that is added now.
    pub(crate) fn origin(&self, acting: &Acting, factor: FactorId) -> FactorOrigin {
        let Acting { account, product, client, .. } = acting;
        let said = Personal { email: None, ip: client.ip, user_agent: client.user_agent.clone() };
        let (whose, context) = ((account.id, &account.personal_key), PersonalContext::FactorOrigin(factor));
        let is_said = said != Personal::default();
        let client = is_said.then(|| self.query().seal_personal(whose, context, &said)).flatten();
        FactorOrigin { product: product.key.clone(), client }
    }
}

impl QueryContext {
    pub(crate) fn shown_origin(&self, account: &Account, factor: &Factor) -> Option<ShownOrigin> {
        let FactorOrigin { product, client } = factor.origin.clone()?;
        let (whose, context) =
            ((account.id, &account.personal_key), PersonalContext::FactorOrigin(factor.id));
        let said = client.and_then(|sealed| self.open_personal(whose, context, &sealed));
        let Personal { ip, user_agent, .. } = said.unwrap_or_default();
        let client = ClientContext { ip, user_agent, ..ClientContext::default() }.shown();
        Some(ShownOrigin { product, client })
    }
}
