//! What a mail says, and what it cannot be made to say.

use expect_test::{Expect, expect};
use tidegate_core::{Body, Id, LinkUrl, Message, MessagePurpose, Notice, Secret, Word as _};

use super::{BEGIN, TOKEN, decoded, mail, to_ann};
use crate::{letter::Sender, text::Templates, trouble::Trouble};

fn letter(mail: &Message) -> Result<String, Trouble> {
    let sender =
        Sender::parse("Tidegate <no-reply@tidegate.example>", Templates::new("no-templates".into())).unwrap();
    let message = sender.letter(Id::MIN, mail, BEGIN)?;
    let text = decoded(&message.formatted());
    let (_, after) = text.split_once("boundary=\"").unwrap();
    let (boundary, _) = after.split_once('"').unwrap();
    Ok(text.replace(boundary, "BOUNDARY"))
}

fn header_names(letter: &str) -> Vec<&str> {
    let (headers, _) = letter.split_once("\n\n").unwrap();
    let lines = headers.lines().filter(|line| !line.starts_with(' '));
    lines.map(|line| line.split_once(':').unwrap().0).collect()
}

const HEADERS: [&str; 8] =
    ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"];

fn check(mail: &Message, expect: Expect) {
    expect.assert_eq(&letter(mail).unwrap());
}

#[test]
fn the_mail_that_verifies_an_address() {
    check(
        &to_ann(),
        expect![[r##"
            Message-ID: <dlv_00000000000000000000000000@tidegate.example>
            Date: Sat, 07 Mar 2026 09:05:30 +0000
            From: Tidegate <no-reply@tidegate.example>
            To: ann@example.com
            Subject: Confirm your email address for Kasa
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: multipart/alternative;
             boundary="BOUNDARY"

            --BOUNDARY
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: 7bit

            Kasa was asked to use ann@example.com as the email address of an account.

            To confirm that the address is yours, open this link and press the button on the page:

            https://kasa.example/confirm#verify=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG

            The link works once, until 7 March 2026, 11:05 UTC. Opening it changes nothing: the address is confirmed only when you press the button.

            Was it not you? Then ignore this mail. Nothing was changed, and nothing will be.
            --BOUNDARY
            Content-Type: text/html; charset=utf-8
            Content-Transfer-Encoding: 7bit

            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <meta name="color-scheme" content="light dark">
              <meta name="supported-color-schemes" content="light dark">
              <title>Confirm your email address for Kasa</title>
              <style>
                @media (prefers-color-scheme: dark) {
                  .page { background: #121212 !important; }
                  .card { background: #1e1e1e !important; color: #f2f2f2 !important; }
                  .code { background: #333333 !important; color: #ffffff !important; }
                  .small { color: #b3b3b3 !important; }
                }
              </style>
            </head>
            <body class="page" style="margin: 0; padding: 0; background: #f2f2f2">
              <div style="display: none; max-height: 0; overflow: hidden; mso-hide: all">Open the link in this mail and confirm that ann@example.com is yours.</div>
              <table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background: #f2f2f2">
                <tr>
                  <td align="center" style="padding: 24px 12px">
                    <!--[if mso]><table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
                    <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
                      style="max-width: 600px; text-align: left; word-break: break-word">
                      <tr>
                        <td bgcolor="#1f3a5f" style="padding: 16px 32px; background: #1f3a5f; color: #ffffff;
                          border-radius: 8px 8px 0 0; font-family: Arial, Helvetica, sans-serif; font-size: 20px; font-weight: bold">Kasa</td>
                      </tr>
                      <tr>
                        <td class="card" bgcolor="#ffffff" style="padding: 16px 32px; background: #ffffff; color: #1a1a1a;
                          border-radius: 0 0 8px 8px; font-family: Arial, Helvetica, sans-serif; font-size: 16px; line-height: 1.5">

            <p><b>Kasa</b> was asked to use ann@example.com as the email address of an account.</p>
            <p>To confirm that the address is yours, open this link and press the button on the page:</p>
            <table role="presentation" cellpadding="0" cellspacing="0" border="0">
              <tr>
                <td bgcolor="#1f3a5f" style="border: 1px solid #ffffff; border-radius: 6px; mso-padding-alt: 12px 24px">
                  <a href="https:&#x2f;&#x2f;kasa.example&#x2f;confirm#verify=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG" style="display: inline-block; padding: 12px 24px; border-radius: 6px;
                    background: #1f3a5f; color: #ffffff;
                    font-family: Arial, Helvetica, sans-serif; font-size: 16px; font-weight: bold; text-decoration: none">Open the page</a>
                </td>
              </tr>
            </table>
            <p class="small" style="color: #595959; font-size: 13px; word-break: break-all">https:&#x2f;&#x2f;kasa.example&#x2f;confirm#verify=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG</p>
            <p>The link works once, until 7 March 2026, 11:05 UTC. Opening it changes nothing: the address is confirmed only when you press the button.</p>
            <p>Was it not you? Then ignore this mail. Nothing was changed, and nothing will be.</p>


                        </td>
                      </tr>
                      <tr>
                        <td class="small" style="padding: 16px 32px; color: #595959;
                          font-family: Arial, Helvetica, sans-serif; font-size: 13px; line-height: 1.5">


                          This mail was sent to ann@example.com because it concerns the security of an account at Kasa.
                          Answers to this mail are not read.


                        </td>
                      </tr>
                    </table>
                    <!--[if mso]></td></tr></table><![endif]-->
                  </td>
                </tr>
              </table>
            </body>
            </html>
            --BOUNDARY--
        "##]],
    );
}

#[test]
fn the_mail_that_confirms_an_enrollment() {
    let mail = mail(MessagePurpose::ConfirmEnrollment, "änn@bücher.example", "Käsa");
    check(
        &mail,
        expect![[r##"
            Message-ID: <dlv_00000000000000000000000000@tidegate.example>
            Date: Sat, 07 Mar 2026 09:05:30 +0000
            From: Tidegate <no-reply@tidegate.example>
            To: änn@xn--bcher-kva.example
            Subject: Confirm two-step verification for =?utf-8?b?S8Okc2E=?=
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: multipart/alternative;
             boundary="BOUNDARY"

            --BOUNDARY
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            There was a sign-in to the Käsa account of änn@bücher.example, and a set-up of two-step verification was begun.

            To confirm that it was you, open this link and press the button on the page:

            https://kasa.example/confirm#confirm=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG

            The link works once, until 7 March 2026, 11:05 UTC. Opening it changes nothing: the set-up goes on only when you press the button.

            Was it not you? Then ignore this mail. Nothing was changed, and two-step verification will not be set up. But another person knows your password: change it.
            --BOUNDARY
            Content-Type: text/html; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <meta name="color-scheme" content="light dark">
              <meta name="supported-color-schemes" content="light dark">
              <title>Confirm two-step verification for Käsa</title>
              <style>
                @media (prefers-color-scheme: dark) {
                  .page { background: #121212 !important; }
                  .card { background: #1e1e1e !important; color: #f2f2f2 !important; }
                  .code { background: #333333 !important; color: #ffffff !important; }
                  .small { color: #b3b3b3 !important; }
                }
              </style>
            </head>
            <body class="page" style="margin: 0; padding: 0; background: #f2f2f2">
              <div style="display: none; max-height: 0; overflow: hidden; mso-hide: all">A set-up of two-step verification was begun. Confirm that it was you.</div>
              <table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background: #f2f2f2">
                <tr>
                  <td align="center" style="padding: 24px 12px">
                    <!--[if mso]><table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
                    <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
                      style="max-width: 600px; text-align: left; word-break: break-word">
                      <tr>
                        <td bgcolor="#1f3a5f" style="padding: 16px 32px; background: #1f3a5f; color: #ffffff;
                          border-radius: 8px 8px 0 0; font-family: Arial, Helvetica, sans-serif; font-size: 20px; font-weight: bold">Käsa</td>
                      </tr>
                      <tr>
                        <td class="card" bgcolor="#ffffff" style="padding: 16px 32px; background: #ffffff; color: #1a1a1a;
                          border-radius: 0 0 8px 8px; font-family: Arial, Helvetica, sans-serif; font-size: 16px; line-height: 1.5">

            <p>There was a sign-in to the <b>Käsa</b> account of änn@bücher.example, and a set-up of two-step verification was begun.</p>
            <p>To confirm that it was you, open this link and press the button on the page:</p>
            <table role="presentation" cellpadding="0" cellspacing="0" border="0">
              <tr>
                <td bgcolor="#1f3a5f" style="border: 1px solid #ffffff; border-radius: 6px; mso-padding-alt: 12px 24px">
                  <a href="https:&#x2f;&#x2f;kasa.example&#x2f;confirm#confirm=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG" style="display: inline-block; padding: 12px 24px; border-radius: 6px;
                    background: #1f3a5f; color: #ffffff;
                    font-family: Arial, Helvetica, sans-serif; font-size: 16px; font-weight: bold; text-decoration: none">Open the page</a>
                </td>
              </tr>
            </table>
            <p class="small" style="color: #595959; font-size: 13px; word-break: break-all">https:&#x2f;&#x2f;kasa.example&#x2f;confirm#confirm=tgl_1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG</p>
            <p>The link works once, until 7 March 2026, 11:05 UTC. Opening it changes nothing: the set-up goes on only when you press the button.</p>
            <p>Was it not you? Then ignore this mail. Nothing was changed, and two-step verification will not be set up. But another person knows your password: change it.</p>


                        </td>
                      </tr>
                      <tr>
                        <td class="small" style="padding: 16px 32px; color: #595959;
                          font-family: Arial, Helvetica, sans-serif; font-size: 13px; line-height: 1.5">


                          This mail was sent to änn@bücher.example because it concerns the security of an account at Käsa.
                          Answers to this mail are not read.


                        </td>
                      </tr>
                    </table>
                    <!--[if mso]></td></tr></table><![endif]-->
                  </td>
                </tr>
              </table>
            </body>
            </html>
            --BOUNDARY--
        "##]],
    );
}

#[test]
fn a_title_stays_a_title() {
    let title = r#"</title><script>x</script> {{ link }} "Ünï" & =?utf-8?q?=0D=0ABcc:_eve@example.com?="#;
    let letter = letter(&mail(MessagePurpose::VerifyEmail, "ann@example.com", title)).unwrap();
    assert_eq!(header_names(&letter), HEADERS);
    let (_, html) = letter.split_once("<!doctype html>").unwrap();
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;x"), "{html}");
    assert!(html.contains("{{ link }}"), "{html}");
}

#[test]
fn a_long_title_is_folded() {
    for title in ["x".repeat(200), "ü ".repeat(100), "a b".repeat(60)] {
        let letter = letter(&mail(MessagePurpose::VerifyEmail, "ann@example.com", &title)).unwrap();
        assert_eq!(header_names(&letter), HEADERS);
    }
}

#[test]
fn a_link_stays_inside_its_quotes() {
    let mut mail = to_ann();
    let url = "https://kasa.example/'x'?a=1&b=2".parse().unwrap();
    mail.body = Body::Link { url, token: TOKEN.to_owned() };
    let letter = letter(&mail).unwrap();
    let (_, html) = letter.split_once("<!doctype html>").unwrap();
    assert!(html.contains("&#x27;x&#x27;?a=1&amp;b=2#"), "{html}");
    for link in [r#"https://kasa.example/"><script>x</script>"#, r#"https://kasa.example/?""#] {
        assert!(link.parse::<LinkUrl>().is_err(), "{link}");
    }
}

#[test]
fn what_is_no_address_gets_no_mail() {
    for to in [
        "ann",
        "ann@example.com\r\nBcc: eve@example.com",
        "a@b, c@d",
        "<a@b>",
        "\"a\r\nb\"@c.example",
        "a..b@c.example",
    ] {
        let refused = letter(&mail(MessagePurpose::VerifyEmail, to, "Kasa"));
        assert!(matches!(refused, Err(Trouble::Address)), "{to}");
    }
}

#[test]
fn a_sender_is_a_mailbox() {
    for (from, written) in [
        ("a@b.example", "From: a@b.example"),
        ("Tidegate <no-reply@localhost>", "From: Tidegate <no-reply@localhost>"),
        (r#""Ada \\ L., Ltd." <a@b.example>"#, ""),
        ("Käsa <a@bücher.example>", "<a@xn--bcher-kva.example>"),
        ("Käsa <Käsa@faß.example>", "<Käsa@xn--fa-hia.example>"),
    ] {
        let letter = Sender::parse(from, Templates::new("no-templates".into()))
            .unwrap()
            .letter(Id::MIN, &to_ann(), BEGIN)
            .unwrap();
        let letter = decoded(&letter.formatted());
        assert!(letter.contains(written), "{letter}");
        assert_eq!(header_names(&letter), HEADERS);
    }
    for from in ["", "Tidegate", "a@", "<>", "a@b, c@d", "a@b\r\nBcc: c@d", "x\r\nBcc: c@d <a@b>"] {
        assert!(Sender::parse(from, Templates::new("no-templates".into())).is_none(), "{from:?}");
    }
}

#[test]
fn the_token_is_where_it_belongs() {
    let letter = letter(&to_ann()).unwrap();
    let link = format!("https://kasa.example/confirm#verify={TOKEN}");
    assert_eq!(letter.matches(&link).count(), 1, "text");
    assert_eq!(letter.matches(TOKEN).count(), 3, "text, and twice in the HTML");
    assert_eq!(to_ann().link().unwrap().expose(), Secret::new(link).expose());
}

#[test]
fn a_notice_says_what_happened_and_has_no_link() {
    let notice = |purpose, factor: Option<&str>, codes_left| {
        let factor = factor.map(|factor| factor.parse().unwrap());
        let body = Body::Notice(Notice { factor, codes_left, ..Notice::at(BEGIN) });
        letter(&Message { purpose, body, ..to_ann() }).unwrap()
    };
    let added = notice(MessagePurpose::FactorAdded, Some("new <phone>"), None);
    let text = "On 7 March 2026, 09:05 UTC, a way to sign in was added to the Kasa account of ann@example.com: new <phone>.";
    assert!(added.contains(text) && added.contains("new &lt;phone&gt;."), "{added}");
    let removed = notice(MessagePurpose::FactorRemoved, None, None);
    assert!(removed.contains("was removed from the Kasa account of ann@example.com.\n"), "{removed}");
    let used = |left| notice(MessagePurpose::RecoveryCodeUsed, None, Some(left));
    assert!(used(4).contains("\n4 recovery codes are left.\n"), "{}", used(4));
    assert!(used(3).contains("\n3 recovery codes are left. Make new ones soon.\n"), "{}", used(3));
    let replaced = notice(MessagePurpose::RecoveryCodesReplaced, None, Some(10));
    assert!(replaced.contains("All earlier recovery codes are void."), "{replaced}");
    for letter in [added, removed, used(3), replaced] {
        assert_eq!(header_names(&letter), HEADERS);
        assert!(!letter.contains("http"), "{letter}");
    }
}

#[test]
fn a_mail_that_was_queued_before_the_channels_is_read() {
    let Body::Link { url, token } = to_ann().body else { panic!("no link") };
    let earlier = serde_json::json!({
        "template": "verify_email", "to": serde_json::to_value(&to_ann().to).unwrap(), "product": "Kasa",
        "link_url": url.to_string(), "token": token, "expires_at": serde_json::to_value(to_ann().expires_at).unwrap(),
    });
    let read = Message::read(earlier.to_string().as_bytes()).unwrap();
    assert_eq!(letter(&read).unwrap(), letter(&to_ann()).unwrap());
}

/// A product's own text that does not end, is too long, lacks the link, or is no file: the built-in one is sent.
#[test]
fn a_products_own_text_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("kasa/en");
    std::fs::create_dir_all(&own).unwrap();
    let verifies = to_ann();
    let templates = Templates::new(folder.path().to_owned());
    let text = || templates.text_of(&verifies).unwrap_or_else(|trouble| panic!("{trouble:?}"));
    let built_in = text().plain;
    let name = format!("{}.txt", verifies.purpose.as_str());
    let loops = "{% for i in range(100000) %}".repeat(3) + &"{% endfor %}".repeat(3);
    let long = "{% for i in range(1000) %}".to_owned() + &"x".repeat(10_000) + "{% endfor %}";
    for wrong in [loops, long, "x".repeat(300_000)] {
        std::fs::write(own.join(&name), format!("Subject: own\n\n{{{{ link }}}} {wrong}")).unwrap();
        assert_eq!(text().plain, built_in);
    }
    std::fs::write(own.join(&name), "Subject: own\n\nown").unwrap();
    assert_eq!(text().plain, built_in, "no link");
    std::fs::write(own.join(&name), "Subject: own\n\nown {{ link }}").unwrap();
    assert!(text().plain.starts_with("own http"));
    std::fs::remove_file(own.join(&name)).unwrap();
    std::fs::create_dir(own.join(&name)).unwrap();
    assert_eq!(text().plain, built_in, "no file");
}
