//! Fuzz targets: files of accounts.

use std::io::BufReader;

use tidegate_fuzz::fuzz;

use super::{
    lines::{FileLine, LineReader},
    row::parse_row,
};

const SECRET: &str = "GEZDGNBVGY3TQOJQ";

#[test]
fn inv_47_a_line_of_any_bytes_is_a_row_or_told_without_its_secrets() {
    let whole = format!(
        r#"{{"external_id": "u-2", "email": "bob@example.com", "email_verified": true, "country": "DE", "customer": null,
        "labels": {{"plan": "gold"}}, "created_at": "2019-05-01T12:00:00Z", "password_hash": "{SECRET}",
        "otpauth_uris": ["otpauth://totp/x?secret={SECRET}"]}}"#
    );
    fuzz!(3_000, [whole.as_str(), r#"{"external_id": "u-1"}"#, "[1, 2.5, null]"], |input| {
        match parse_row(input, 7) {
            Ok(row) => {
                assert_eq!(row.line, 7);
                let texts = [&row.external_id, &row.email, &row.country, &row.customer, &row.password_hash];
                let listed = row.otpauth_uris.iter().chain(row.labels.values());
                assert!(texts.into_iter().chain(listed).map(String::len).sum::<usize>() <= input.len());
                let nanos = row.create_time.map_or(0, |at| at.nanos);
                assert!((0..1_000_000_000).contains(&nanos));
            }
            Err(wrong) => {
                let told = wrong.join("; ");
                assert!(!wrong.is_empty() && told.len() <= 128 * (input.len() + 16), "{} bytes", told.len());
                assert!(!told.chars().any(char::is_control), "{told:?}");
                // A name that is not known is shown, and a secret may have become one.
                assert!(
                    !told.contains(SECRET) || told.contains("unknown field") || told.contains("labels."),
                    "{told}"
                );
            }
        }
    });
}

#[test]
fn a_file_of_any_bytes_has_numbered_lines() {
    fuzz!(1_000, [&b"\xef\xbb\xbf{}\n\n{\"a\": 1}\r\n{}"[..], b"\n\n", b""], |input| {
        let (mut lines, mut count, mut bytes) =
            (LineReader::new(BufReader::with_capacity(7, &**input)), 0, 0);
        while let Some((number, line)) = lines.next_line().unwrap() {
            count += 1;
            assert_eq!(number, count);
            let FileLine::Whole(line) = line else { panic!("no line is so long") };
            assert!(!line.contains(&b'\n'));
            bytes += line.len() + 1;
        }
        assert!(bytes <= input.len() + 1 && bytes + 3 >= input.len());
    });
}
