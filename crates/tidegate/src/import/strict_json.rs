//! JSON that refuses an object with a duplicate key. Most readers keep one of the two values
//! without a word.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// The values that rows have. No `Debug`: a value may be a password hash.
#[derive(PartialEq, Eq)]
pub enum StrictJson {
    Null,
    Flag(bool),
    Text(String),
    List(Vec<Self>),
    Object(BTreeMap<String, Self>),
    /// Numbers, which no row has.
    Other,
}

/// Text from the file for a message: cut to 128 characters, and with control characters escaped, so
/// that a terminal does not obey them.
pub fn shown(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().take(128).map(escape).collect()
}

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = StrictJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<StrictJson, E> {
        Ok(StrictJson::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<StrictJson, E> {
        Ok(StrictJson::Flag(flag))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StrictJson, E> {
        Ok(StrictJson::Text(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<StrictJson, E> {
        Ok(StrictJson::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<StrictJson, E> {
        Ok(StrictJson::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<StrictJson, E> {
        Ok(StrictJson::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StrictJson, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(StrictJson::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<StrictJson, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(Error::custom(format_args!("duplicate field `{}`", shown(&key))));
            }
            object.insert(key, entries.next_value()?);
        }
        Ok(StrictJson::Object(object))
    }
}
