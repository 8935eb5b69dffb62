//! Counts the fields of a large message before it is decoded.
//!
//! A message inside another one takes two bytes on the wire and some hundred in memory, so that 4 MiB of empty rows would
//! become a gigabyte before a parser could refuse them. The bytes are read as they pass, with the table of the contract that
//! says which fields are messages. What is no message is left to the decoder, which ends there too.

use tidegate_proto as proto;

/// What the fields of a message may weigh together. The largest real ones weigh a quarter of it.
const MAX_WEIGHT: usize = 1024 * 1024;
/// What a message inside of it weighs; another field weighs one.
const MESSAGE_WEIGHT: usize = 8;
/// A decoder goes no deeper.
const MAX_DEPTH: usize = 100;
/// Bits of the longest varint.
const MAX_BITS: u32 = 70;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The number and the type of a field.
    Key(Varint),
    /// A number whose value does not matter.
    Number,
    /// The length of a field that is this message; `None`: it is text or bytes.
    Length(Varint, Option<usize>),
    Skipped {
        left: u64,
    },
}

/// A number that is not read to its end yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Varint {
    value: u64,
    bits: u32,
}

const ZERO: Varint = Varint { value: 0, bits: 0 };
const KEY: Part = Part::Key(ZERO);

impl Varint {
    fn and(self, byte: u8) -> Self {
        let more = u64::from(byte & 0x7f).checked_shl(self.bits).unwrap_or_default();
        Self { value: self.value | more, bits: self.bits + 7 }
    }
}

/// The count of one message.
#[derive(Debug)]
pub(crate) struct FieldCount {
    part: Part,
    /// Bytes that were read.
    at: u64,
    /// The messages around what comes next: where each ends, and its place in the table.
    around: Vec<(u64, usize)>,
    weight: usize,
    is_broken: bool,
}

/// There are too many fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyFields;

impl FieldCount {
    pub(crate) fn new(length: u32, shape: usize) -> Self {
        Self { part: KEY, at: 0, around: vec![(u64::from(length), shape)], weight: 0, is_broken: false }
    }

    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<(), TooManyFields> {
        while let (Some(first), false) = (bytes.first(), self.is_broken) {
            let taken = match self.part {
                Part::Skipped { left } => usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()),
                Part::Key(_) | Part::Number | Part::Length(..) => 1,
            };
            let count = u64::try_from(taken).unwrap_or(u64::MAX);
            self.at = self.at.saturating_add(count);
            self.step(*first, count);
            if self.part == KEY {
                while self.around.last().is_some_and(|(end, _)| *end <= self.at) {
                    self.around.pop();
                }
            }
            if self.weight > MAX_WEIGHT {
                return Err(TooManyFields);
            }
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn step(&mut self, byte: u8, taken: u64) {
        let is_last = byte & 0x80 == 0;
        self.part = match self.part {
            Part::Key(read) if !is_last => Part::Key(self.checked(read.and(byte))),
            Part::Length(read, inner) if !is_last => Part::Length(self.checked(read.and(byte)), inner),
            Part::Key(read) => self.field(read.and(byte).value),
            Part::Length(read, inner) => self.enter(read.and(byte).value, inner),
            Part::Number if is_last => KEY,
            Part::Number => Part::Number,
            Part::Skipped { left } => Self::skipped(left.saturating_sub(taken)),
        };
    }

    const fn checked(&mut self, read: Varint) -> Varint {
        self.is_broken |= read.bits >= MAX_BITS;
        read
    }

    const fn skipped(left: u64) -> Part {
        if left == 0 { KEY } else { Part::Skipped { left } }
    }

    /// What follows a key.
    fn field(&mut self, key: u64) -> Part {
        self.weight += 1;
        match key & 7 {
            0 => Part::Number,
            1 => Part::Skipped { left: 8 },
            2 => Part::Length(ZERO, self.inner(key >> 3)),
            // The bounds of a group.
            3 | 4 => KEY,
            5 => Part::Skipped { left: 4 },
            _ => {
                self.is_broken = true;
                KEY
            }
        }
    }

    /// The message that the field of this number is.
    fn inner(&self, number: u64) -> Option<usize> {
        let (_, shape) = self.around.last()?;
        let fields = proto::SHAPES.get(*shape)?;
        fields.iter().find(|(field, _)| u64::from(*field) == number).map(|(_, inner)| *inner)
    }

    fn enter(&mut self, length: u64, inner: Option<usize>) -> Part {
        let Some(inner) = inner else { return Self::skipped(length) };
        self.weight += MESSAGE_WEIGHT;
        self.is_broken |= self.around.len() >= MAX_DEPTH;
        self.around.push((self.at.saturating_add(length), inner));
        KEY
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn shape(path: &str) -> usize {
        proto::REQUEST_SHAPES.iter().find(|(of, _)| *of == path).unwrap().1
    }

    /// What a message weighs, read in pieces of so many bytes.
    fn weight(path: &str, message: &[u8], piece: usize) -> Result<usize, TooManyFields> {
        let mut count = FieldCount::new(u32::try_from(message.len()).unwrap(), shape(path));
        for piece in message.chunks(piece) {
            count.read(piece)?;
        }
        assert!(!count.is_broken && count.part == KEY && count.around.is_empty(), "{count:?}");
        Ok(count.weight)
    }

    const IMPORT: &str = "/tidegate.v1.AccountService/ImportAccounts";

    #[test]
    fn fields_and_messages_are_counted_at_any_depth() {
        let row = proto::ImportRow {
            line: 300,
            external_id: "ann".to_owned(),
            labels: [("plan".to_owned(), "pro".to_owned())].into(),
            create_time: Some(proto::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            ..Default::default()
        };
        let request = proto::ImportAccountsRequest { rows: vec![row, proto::ImportRow::default()] };
        let message = request.encode_to_vec();
        // Two rows, and in the first one a number, a text, a label of two texts and a time of two numbers.
        let expected = 2 * 9 + 2 + (9 + 2) + (9 + 2);
        for piece in [1, 2, 7, message.len()] {
            assert_eq!(weight(IMPORT, &message, piece), Ok(expected), "{piece}");
        }
    }

    #[test]
    fn many_empty_messages_are_too_many_wherever_they_are() {
        let empty = |count: usize| [10, 0].repeat(count);
        assert_eq!(weight(IMPORT, &empty(500), 4_096), Ok(500 * 9));
        assert_eq!(weight(IMPORT, &empty(MAX_WEIGHT), 4_096), Err(TooManyFields));
        let rows = proto::ImportAccountsRequest { rows: vec![proto::ImportRow::default(); 3] };
        // Texts weigh less, and a row may hold many of them.
        let uris = |count: usize| proto::ImportRow {
            otpauth_uris: vec![String::new(); count],
            ..Default::default()
        };
        let of = |count: usize| proto::ImportAccountsRequest { rows: vec![uris(count)] }.encode_to_vec();
        assert_eq!(weight(IMPORT, &rows.encode_to_vec(), 1), Ok(27));
        assert_eq!(weight(IMPORT, &of(1_000), 4_096), Ok(9 + 1_000));
        assert_eq!(weight(IMPORT, &of(MAX_WEIGHT), 4_096), Err(TooManyFields));
    }

    #[test]
    fn the_count_ends_where_a_decoder_would() {
        for bytes in
            [&[0xff; 20][..], &[0x0f], &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
        {
            let mut count = FieldCount::new(20, shape(IMPORT));
            assert_eq!(count.read(bytes), Ok(()));
            assert!(count.is_broken, "{bytes:?}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_alike_in_any_pieces() {
        let example = proto::ImportAccountsRequest { rows: vec![proto::ImportRow::default(); 3] };
        tidegate_fuzz::fuzz!(3_000, [example.encode_to_vec(), vec![10, 4, 10, 2, 10, 0]], |input| {
            let length = u32::try_from(input.len()).unwrap();
            let mut whole = FieldCount::new(length, shape(IMPORT));
            let mut pieces = FieldCount::new(length, shape(IMPORT));
            whole.read(input).unwrap();
            input.chunks(1).for_each(|piece| pieces.read(piece).unwrap());
            assert_eq!((whole.weight, whole.part, whole.at), (pieces.weight, pieces.part, pieces.at));
        });
    }
}
