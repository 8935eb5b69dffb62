//! Where a factor was added, so that the owner can tell one that somebody else added. What the caller said of the client is
//! personal, so it is stored like the personal fields of events.

use serde::{Deserialize, Serialize};
use tidegate_core::{Account, Factor, FactorId, FactorOrigin, ProductKey};
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
        let client = self.query().seal_client(account, PersonalContext::FactorOrigin(factor), client);
        FactorOrigin { product: product.key.clone(), client }
    }
}

impl QueryContext {
    pub(crate) fn shown_origin(&self, account: &Account, factor: &Factor) -> Option<ShownOrigin> {
        let FactorOrigin { product, client } = factor.origin.clone()?;
        let context = PersonalContext::FactorOrigin(factor.id);
        Some(ShownOrigin { product, client: self.shown_client(account, context, client.as_ref()) })
    }
}
