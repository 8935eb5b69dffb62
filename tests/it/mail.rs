//! Reads the mails that the courier wrote into its folder.

use std::path::Path;

/// A mail that was sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Names the delivery. The mails of one server are sorted by it.
    pub id: String,
    pub to: String,
    pub subject: String,
    /// The text form.
    pub text: String,
    /// The page of the product, and after `#` the call that redeems the token, `=` and the token.
    pub link: String,
    pub token: String,
    /// The digits of a mailed code.
    pub code: String,
}

/// The mails of a folder, oldest first.
pub fn read(folder: &Path) -> Vec<Mail> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "eml"));
    let mut mails: Vec<_> = files.map(|path| parse(&std::fs::read_to_string(path).unwrap())).collect();
    mails.sort_by(|one, other| one.id.cmp(&other.id));
    mails
}

fn parse(eml: &str) -> Mail {
    let eml = eml.replace("\r\n", "\n");
    let (headers, body) = eml.split_once("\n\n").unwrap();
    let header = |name: &str| {
        let line = headers.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_matches(['<', '>']).to_owned()
    };
    let plain = body.split("\n--").find(|part| part.contains("Content-Type: text/plain")).unwrap();
    let (part_headers, part) = plain.split_once("\n\n").unwrap();
    let quoted = part_headers.contains("quoted-printable");
    let text = if quoted { unquoted(part) } else { part.to_owned() };
    let link = text.split_whitespace().find(|word| word.contains("=tgl_")).unwrap_or_default().to_owned();
    let token = link.split_once('=').map(|(_, token)| token.to_owned()).unwrap_or_default();
    let is_code =
        |line: &&str| line.len() == 9 && line.chars().all(|digit| digit.is_ascii_digit() || digit == ' ');
    let code = text.lines().find(is_code).unwrap_or_default().replace(' ', "");
    Mail {
        id: header("Message-ID:"),
        to: header("To:"),
        subject: header("Subject:"),
        text,
        link,
        token,
        code,
    }
}

/// Decodes quoted-printable (RFC 2045 §6.7).
fn unquoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}
