//! Reads the requests of the hot methods in place (zero-copy): no name is copied.
//!
//! Only the usual form is read here. A request with an unknown field, or with a name given twice,
//! is left to the generated messages.

use prost::encoding::{WireType, decode_key, decode_varint};

/// One pair of product and account; both messages encode it alike. The names are unchecked bytes:
/// one that is not UTF-8 names no product and no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'m> {
    pub(super) product: &'m [u8],
    pub(super) account: &'m [u8],
}

/// Fields 1 and 2, each once and in this order.
pub(super) fn pair(mut message: &[u8]) -> Option<Pair<'_>> {
    let product = field(&mut message, 1)?;
    let account = field(&mut message, 2)?;
    message.is_empty().then_some(Pair { product, account })
}

/// Field 1 alone.
pub(super) fn single(mut message: &[u8]) -> Option<&[u8]> {
    let field = field(&mut message, 1)?;
    message.is_empty().then_some(field)
}

/// Every field 1, in order. Yields `None` at the first unusual one, and ends there.
pub(super) fn pairs(mut message: &[u8]) -> impl Iterator<Item = Option<Pair<'_>>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let pair = field(&mut message, 1).and_then(pair);
        if pair.is_none() {
            message = &[];
        }
        Some(pair)
    })
}

/// Takes one length-delimited field from the front.
fn field<'m>(message: &mut &'m [u8], number: u32) -> Option<&'m [u8]> {
    let mut rest = *message;
    if decode_key(&mut rest).ok()? != (number, WireType::LengthDelimited) {
        return None;
    }
    let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
    let (field, rest) = rest.split_at_checked(length)?;
    *message = rest;
    Some(field)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tidegate_proto as proto;

    use super::*;

    fn item(product: &str, account: &str) -> proto::EvaluationItem {
        proto::EvaluationItem { product: product.to_owned(), account: account.to_owned() }
    }

    #[test]
    fn what_was_written_is_read() {
        let batch = proto::BatchEvaluateRequest { items: vec![item("kasa", "u-1"), item("tapo", "u-2")] };
        let wire = batch.encode_to_vec();
        let pair = |product, account| Pair { product, account };
        assert!(pairs(&wire).flatten().eq([pair(b"kasa", b"u-1"), pair(b"tapo", b"u-2")]));
        let one = proto::EvaluateRequest { product: "kasa".to_owned(), account: "u-1".to_owned() };
        assert_eq!(super::pair(&one.encode_to_vec()), Some(pair(b"kasa", b"u-1")));
        let token = proto::IntrospectRequest { session_token: "tgs_1".to_owned() };
        assert_eq!(single(&token.encode_to_vec()), Some(&b"tgs_1"[..]));
        assert_eq!(single(&one.encode_to_vec()), None);
    }

    #[test]
    fn what_is_unusual_is_left_to_others() {
        let usual = item("kasa", "u-1").encode_to_vec();
        let twice = [usual.clone(), usual.clone()].concat();
        let unknown = [usual.clone(), vec![0x18, 1]].concat();
        let unnamed = item("", "u-1").encode_to_vec();
        for wire in [&twice, &unknown, &unnamed, &usual[..usual.len() - 1].to_vec(), &vec![0x0a, 0xff]] {
            assert_eq!(pair(wire), None, "{wire:?}");
        }
        let broken = [vec![0x0a, 9], usual].concat();
        assert!(pairs(&broken).eq([None]));
        let unknown_inside = [vec![0x0a, 2, 0x18, 1], broken].concat();
        assert!(pairs(&unknown_inside).eq([None]));
    }

    /// What is read in place is what the generated messages read; they also read what is left to them.
    #[test]
    fn a_request_of_any_bytes_is_read_as_by_the_generated_messages() {
        let one = proto::EvaluateRequest { product: "kasa".to_owned(), account: "u-1".to_owned() };
        let batch =
            proto::BatchEvaluateRequest { items: vec![item("kasa", "u-1"), item("tapo", &"u".repeat(300))] };
        tidegate_fuzz::fuzz!(4_000, [one.encode_to_vec(), batch.encode_to_vec()], |input| {
            let same = |pair: Pair<'_>, product: &str, account: &str| {
                assert_eq!((pair.product, pair.account), (product.as_bytes(), account.as_bytes()));
            };
            if let (Some(pair), Ok(message)) = (pair(input), proto::EvaluateRequest::decode(&**input)) {
                same(pair, &message.product, &message.account);
            }
            let Some(all) = pairs(input).collect::<Option<Vec<_>>>() else { return };
            if let Ok(message) = proto::BatchEvaluateRequest::decode(&**input) {
                assert_eq!(all.len(), message.items.len());
                all.iter()
                    .zip(&message.items)
                    .for_each(|(pair, item)| same(*pair, &item.product, &item.account));
            }
        });
    }
}
