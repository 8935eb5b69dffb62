//! A fact as the record holds it, which may be of a newer program.

use crate::Fact;

/// A fact as read back. During a rolling upgrade an older replica meets kinds that it does not
/// know. Readers that only pass events on must not lose them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedFact {
    Known(Fact),
    Newer { data: String },
}

impl RecordedFact {
    /// The kind and the fields, as they are stored. For a newer kind, as far as they can be told
    /// apart.
    pub fn told(&self) -> (String, String) {
        let kept = match self {
            Self::Known(fact) => serde_json::to_value(fact).ok(),
            Self::Newer { data } => serde_json::from_str(data).ok(),
        };
        let field = |name: &str| kept.as_ref().and_then(|kept| kept.get(name));
        let kind = field("kind").and_then(|kind| kind.as_str()).unwrap_or("unknown").to_owned();
        (kind, field("data").map_or_else(String::new, ToString::to_string))
    }
}
