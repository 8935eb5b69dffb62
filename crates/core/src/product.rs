//! Something people sign in to.

use serde::{Deserialize, Serialize};

use crate::{LinkUrl, Method, ProductKey, Revision, Span, Timestamp, Title};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub key: ProductKey,
    pub title: Title,
    pub settings: ProductSettings,
    pub revision: Revision,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What the realm's admins decide about a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductSettings {
    /// The page that mailed links open.
    pub link_url: LinkUrl,
    /// The methods that may be enrolled and used here; never empty.
    pub allowed_methods: Vec<Method>,
    /// How long a device that passed a second step may skip it; zero means never.
    pub trusted_device: Span,
    /// A session ends when it was not used for this long.
    pub session_idle: Span,
    /// A session ends this long after it began, whatever happens.
    pub session_absolute: Span,
}
