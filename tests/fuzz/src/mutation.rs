//! How an example is changed: by a script of bytes, each of which chooses something. The same script makes the same input,
//! and a fuzzer that changes the script a little changes the input a little.

/// Bytes of the longest input.
const MAX: usize = 64 * 1024;
/// Changes of one input.
const MAX_CHANGES: u8 = 6;

/// What decoders treat in a way of its own: ends, escapes, limits of numbers, and characters that are normalised.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"%",
    b"%00",
    b"%2e%2e/",
    b"+",
    b"-1",
    b"0",
    b"-0",
    b"1e400",
    b"255",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"9223372036854775807",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"{\"\":",
    b"\"unknown\":1,",
    b",",
    b":",
    b"@",
    b"#",
    b"?",
    b"/",
    b"//",
    b"$",
    b"=",
    b"&",
    b"..",
    b"[[[[[[[[[[[[[[[[",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    // Varints: the largest, and one that is too long.
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x80\x80\x80\x80\x08",
    // CBOR: the longest byte string, array and map; a tag; an end of an indefinite length.
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xba\xff\xff\xff\xff",
    b"\xc0",
    b"\x9f",
    b"\xbf",
    b"\xfb\x7f\xf8\0\0\0\0\0\0",
    "\u{200b}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{301}".as_bytes(),
    "\u{345}".as_bytes(),
    "\u{130}".as_bytes(),
    "\u{131}".as_bytes(),
    "\u{df}".as_bytes(),
    "\u{3c2}".as_bytes(),
    "\u{1e9e}".as_bytes(),
    "\u{fb03}".as_bytes(),
    "\u{fdfa}".as_bytes(),
    "\u{1d15e}".as_bytes(),
    "\u{ac00}".as_bytes(),
    "\u{ff20}".as_bytes(),
    "\u{3002}".as_bytes(),
    "\u{661}".as_bytes(),
    "\u{10ffff}".as_bytes(),
];

/// The example that the script chooses, changed as it says.
pub(crate) fn mutated(examples: &[Vec<u8>], script: &[u8]) -> Vec<u8> {
    let mut script = Script(script);
    let which = script.choice(examples.len() + 1);
    let Some(example) = examples.get(which) else { return script.0.to_vec() };
    let mut bytes = example.clone();
    for _ in 0..=script.byte() % MAX_CHANGES {
        change(&mut bytes, examples, &mut script);
        bytes.truncate(MAX);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, examples: &[Vec<u8>], script: &mut Script<'_>) {
    let at = script.choice(bytes.len() + 1);
    let end = (at + 1 + usize::from(script.byte() >> 2)).min(bytes.len()).max(at);
    match script.byte() % 12 {
        0 => flip(bytes, at, script.byte()),
        1 => put(bytes, at, script.byte()),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => insert(bytes, at, &[script.byte()]),
        5 | 6 => insert(bytes, at, script.token()),
        7 => {
            let token = script.token();
            bytes.splice(at..end, token.iter().copied());
        }
        8 => {
            let piece = bytes.get(at..end).unwrap_or_default().to_vec();
            insert(bytes, at, &piece);
        }
        9 => {
            let piece = bytes.get(at..end).unwrap_or_default().to_vec();
            let times = 1 << (script.byte() % 12);
            insert(bytes, at, &piece.repeat(times).into_iter().take(MAX).collect::<Vec<_>>());
        }
        10 => {
            let other = script.choice(examples.len());
            let other = examples.get(other).map(Vec::as_slice).unwrap_or_default();
            let from = script.choice(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(other.get(from..).unwrap_or_default());
        }
        _ => put(bytes, at, if script.byte() < 128 { 0xff } else { 0 }),
    }
}

fn flip(bytes: &mut [u8], at: usize, bit: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
}

fn put(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

/// What is left of the script. After its end, every choice is the first.
struct Script<'s>(&'s [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn choice(&mut self, of: usize) -> usize {
        let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
        number % of.max(1)
    }

    fn token(&mut self) -> &'static [u8] {
        let which = usize::from(self.byte()) % TOKENS.len();
        TOKENS.get(which).copied().unwrap_or_default()
    }
}
