//! Lists in pages. A page token says where its page ended, and it names the list and the filter. It
//! is sealed: a caller cannot forge one, and a token of another realm or list does not open.

use serde::{Deserialize, Serialize};
use tidegate_core::{Refusal, Sealed, Secret};
use tidegate_keyring::SealContext;

use crate::{Fault, QueryContext};

/// Which page of a list a caller wants.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// 1 to 1 000.
    pub size: i64,
    /// The token of the page before; `None` for the first page.
    pub after: Option<PageToken>,
}

/// The bytes of a sealed page token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub Vec<u8>);

#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` at the end of the list, and only there.
    pub next: Option<PageToken>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    key: String,
    filter: String,
}

impl PageRequest {
    /// One item more than the page holds, which tells whether another page follows.
    pub(crate) const fn limit(&self) -> i64 {
        self.size.saturating_add(1)
    }
}

impl QueryContext {
    /// The key after which the page begins; empty for the first page.
    pub(crate) fn opened(&self, page: &PageRequest, filter: &str) -> Result<String, Refusal> {
        let Some(token) = &page.after else { return Ok(String::new()) };
        let plain = self
            .keyring()
            .open(&self.seal_context(), &Sealed(token.0.clone()))
            .map_err(|_| Refusal::PageTokenNotValid)?;
        let cursor: Cursor =
            serde_json::from_slice(plain.expose()).map_err(|_| Refusal::PageTokenNotValid)?;
        if cursor.filter == filter { Ok(cursor.key) } else { Err(Refusal::PageTokenNotValid) }
    }

    /// Cuts the items that were found with `PageRequest::limit` to a page.
    pub(crate) fn page<T>(
        &self,
        request: &PageRequest,
        filter: &str,
        mut items: Vec<T>,
        key: fn(&T) -> String,
    ) -> Result<Page<T>, Fault> {
        let size = usize::try_from(request.size).unwrap_or(0);
        if items.len() <= size {
            return Ok(Page { items, next: None });
        }
        items.truncate(size);
        let next = match items.last() {
            Some(last) => Some(self.page_token(filter, key(last))?),
            None => None,
        };
        Ok(Page { items, next })
    }

    /// The token of the page that begins after `key`.
    pub(crate) fn page_token(&self, filter: &str, key: String) -> Result<PageToken, Fault> {
        let plain = Secret::new(serde_json::to_vec(&Cursor { key, filter: filter.to_owned() })?);
        Ok(PageToken(self.keyring().seal(&self.seal_context(), &plain, self.entropy())?.0))
    }

    fn seal_context(&self) -> SealContext {
        SealContext::PageToken { realm: self.realm(), method: self.name }
    }
}
