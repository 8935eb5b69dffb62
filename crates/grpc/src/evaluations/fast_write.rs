//! Encodes a decision field by field. A test compares the bytes with those of the generated
//! message.

use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use tidegate_core::{Method, Timestamp, Word};
use tidegate_service::evaluations::Verdict;

use crate::render::{ladder, method, missing, reason, requirement, timestamp};

/// The approximate size of one decision, in bytes.
pub(super) const DECISION: usize = 192;

const MOMENT: usize = 16;

/// The largest number that takes one byte as a varint.
const SHORT: u8 = 0x7f;

const VARINT: WireType = WireType::Varint;
const LENGTH: WireType = WireType::LengthDelimited;

fn varint(out: &mut Vec<u8>, number: u64) {
    match u8::try_from(number) {
        Ok(short) if short <= SHORT => out.push(short),
        _ => encode_varint(number, out),
    }
}

/// Writes an embedded message with its length in front. One byte is reserved for the length, which
/// is enough for most; a longer length moves what was written.
pub(super) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(field, LENGTH, out);
    let begin = out.len();
    out.push(0);
    write(out);
    let length = out.len() - begin - 1;
    match (u8::try_from(length), out.get_mut(begin)) {
        (Ok(short), Some(place)) if short <= SHORT => *place = short,
        _ => {
            let mut long = Vec::new();
            varint(&mut long, length as u64);
            out.splice(begin..=begin, long);
        }
    }
}

/// Encodes `evaluate_time`, the before those that few decisions have. It is the same for a whole batch.
pub(super) fn moment(at: Timestamp) -> Vec<u8> {
    let mut moment = Vec::with_capacity(MOMENT);
    instant(&mut moment, 13, at);
    moment
}

pub(super) fn decision(out: &mut Vec<u8>, verdict: &Verdict<'_>, moment: &[u8]) {
    encode_key(1, LENGTH, out);
    out.push(u8::try_from(tidegate_core::AccountId::TEXT).unwrap_or(0));
    verdict.account().write_to(out);
    text(out, 2, verdict.product().as_str());
    number(out, 3, verdict.visible().into());
    number(out, 4, verdict.on().into());
    number(out, 5, verdict.may_toggle().into());
    number(out, 6, word(requirement(verdict.requirement()).into()));
    let mut methods = [0_u8; <Method as Word>::ALL.len()];
    let mut count = 0;
    for (place, one) in methods.iter_mut().zip(verdict.methods()) {
        *place = u8::try_from(i32::from(method(one))).unwrap_or(0);
        count += 1;
    }
    packed(out, 7, methods.get(..count).unwrap_or_default());
    if let Some(lacks) = verdict.missing() {
        packed(out, 8, &[u8::try_from(i32::from(missing(lacks))).unwrap_or(0)]);
    }
    number(out, 9, word(reason(verdict.reason).into()));
    text(out, 10, verdict.rollout.map_or("", |rollout| rollout.as_str()));
    number(out, 11, verdict.wave.map_or(0, |wave| wave.0.into()));
    number(out, 12, verdict.revision.and_then(|revision| revision.0.try_into().ok()).unwrap_or(0));
    out.extend_from_slice(moment);
    if let Some(at) = verdict.next_change_at() {
        instant(out, 14, at);
    }
    if let Some(answer) = &verdict.ladder {
        let written = ladder(answer.decision()).encode_to_vec();
        message(out, 15, |out| out.extend_from_slice(&written));
    }
}

/// An enum's number, which is never negative.
fn word(number: i32) -> u64 {
    number.try_into().unwrap_or(0)
}

/// Leaves out 0, the default, as proto3 does.
fn number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        encode_key(field, VARINT, out);
        varint(out, number);
    }
}

fn text(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        encode_key(field, LENGTH, out);
        varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

/// A packed field of numbers below 128, one byte each.
fn packed(out: &mut Vec<u8>, field: u32, numbers: &[u8]) {
    if !numbers.is_empty() {
        encode_key(field, LENGTH, out);
        varint(out, numbers.len() as u64);
        out.extend_from_slice(numbers);
    }
}

fn instant(out: &mut Vec<u8>, field: u32, at: Timestamp) {
    let at = timestamp(at);
    message(out, field, |out| {
        number(out, 1, at.seconds.cast_unsigned());
        number(out, 2, i64::from(at.nanos).cast_unsigned());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_message_is_before_it_however_long_it_is() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let (body, mut written, mut expected) =
                (vec![7; length], vec![9], vec![9, 3 << 3 | LENGTH as u8]);
            message(&mut written, 3, |out| out.extend_from_slice(&body));
            encode_varint(length as u64, &mut expected);
            expected.extend_from_slice(&body);
            assert_eq!(written, expected, "{length}");
        }
    }
}
