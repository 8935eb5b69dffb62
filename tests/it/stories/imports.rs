//! Rows whose accounts exist already, and passwords that other systems hashed.

use proto::SignInState;
use tidegate_core::{Role, Timestamp};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{Address, PASSWORD, row},
    owner::{Device, by_password},
    raw,
    setting::Kasa,
    story::tell,
    test_server::timestamp,
};

/// A hash of `PASSWORD`, made by argon2-cffi 25.1 with the parameters of RFC 9106's second recommended
/// option.
const RFC_9106: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$opK/12lewr2z5YpUKucJCUXASikIGYN+qjR3vL2e8go";
/// A hash of `PASSWORD`, as Django stores it.
const DJANGO: &str = "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdA$gIX6E8tH7CkRhJUEDmOTO61imAN+STeO15ugF6dwmSE";
/// A hash of `PASSWORD` at the highest cost that is adopted.
const COSTLIEST: &str =
    "$argon2id$v=19$m=131072,t=4,p=8$c2FsdHNhbHRzYWx0c2FsdA$MCVEkwUiayQwgl+pYOoYx6AfrBq+vYo+ew+Ne1RPi2U";
const TOO_COSTLY: &str =
    "$argon2id$v=19$m=262144,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$E/9XOcEJe3mPXG7g015mjI/Ptw7gpcl7bw+7BNqI9bQ";
const BCRYPT: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

const NFC: &str = "sch\u{f6}ne lange Passphrase";
const NFD: &str = "scho\u{308}ne lange Passphrase";

fn hashed(line: u64, name: &str, hash: &str) -> proto::ImportRow {
    proto::ImportRow { password_hash: hash.to_owned(), ..row(line, name, Address::Verified) }
}

/// A row in which everything is given.
fn full() -> proto::ImportRow {
    proto::ImportRow {
        country: "DE".into(),
        customer: "acme".into(),
        create_time: Some(timestamp(Timestamp::from_rfc3339("2019-05-01T12:00:00Z").unwrap())),
        labels: [("plan".into(), "pro".into()), ("since".into(), "2019".into())].into(),
        ..row(1, "ann", Address::Verified)
    }
}

/// The fields that are reported of a row that is not imported because the account differs.
async fn differing(admin: &Actor, row: proto::ImportRow) -> Vec<String> {
    let imported = admin.import(vec![row]).await.unwrap();
    assert_eq!((imported.created_count, imported.unchanged_count), (0, 0), "{imported:?}");
    assert!(imported.reports.iter().all(|report| report.problem() == proto::ImportProblem::Differs));
    imported.reports.into_iter().map(|report| report.field).collect()
}

async fn state(kasa: &Kasa, name: &str, password: &str) -> SignInState {
    let person = kasa.admin.known(name).await;
    let request = kasa.frontend.begin_request(&person, "kasa", &Device::new("phone"));
    let request = proto::BeginSignInRequest { first_factor: by_password(password), ..request };
    kasa.frontend.ok(request).await.sign_in.unwrap().state()
}

#[tokio::test]
async fn a_row_that_differs_is_told_by_its_fields() {
    tell("accounts/import_differs", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        admin.quiet().customer("acme").await;
        // One label only, because the transcript would list several in no fixed order.
        let full = || proto::ImportRow { labels: [("plan".into(), "pro".into())].into(), ..full() };
        admin.import(vec![full()]).await.unwrap();
        let differs = proto::ImportRow {
            line: 2,
            email: "Ann@example.com".into(),
            email_verified: false,
            country: "FR".into(),
            customer: String::new(),
            create_time: Some(timestamp(Timestamp::from_rfc3339("2019-05-01T12:00:01Z").unwrap())),
            labels: [("team".into(), "blue".into())].into(),
            password_hash: RFC_9106.into(),
            ..full()
        };
        admin.import(vec![full(), differs]).await.unwrap();
        admin.ok(proto::GetAccountRequest { account: "ann".into() }).await;
    })
    .await;
}

#[tokio::test]
async fn an_account_whose_password_is_not_adopted_is_kept_without_it() {
    tell("accounts/import_passwords", async |server| {
        let kasa = Kasa::open(&server).await;
        let admin = kasa.admin.aloud();
        let rows = vec![
            hashed(1, "ann", DJANGO),
            hashed(2, "bob", TOO_COSTLY),
            hashed(3, "cem", BCRYPT),
            proto::ImportRow { country: "Germany".into(), ..hashed(4, "dan", BCRYPT) },
        ];
        admin.import(rows.clone()).await.unwrap();
        server.transcript.note("again: nothing changes, and the accounts still have no password");
        admin.import(rows).await.unwrap();
        server.transcript.note("a hash that could be adopted is another password, which no import changes");
        admin.import(vec![hashed(2, "bob", RFC_9106)]).await.unwrap();
        assert_eq!(state(&kasa, "ann", PASSWORD).await, SignInState::Ready);
        assert_eq!(state(&kasa, "bob", PASSWORD).await, SignInState::Denied);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM passwords").await, 1);
    })
    .await;
}

on_both! {
    async fn what_an_import_names_is_what_differs_now(server) {
        let kasa = Kasa::open(&server).await;
        let admin = &kasa.admin;
        admin.customer("acme").await;
        admin.import(vec![full()]).await.unwrap();
        let other = |change: fn(&mut proto::ImportRow)| {
            let mut row = full();
            change(&mut row);
            row
        };
        let label: fn(&mut proto::ImportRow) = |row| drop(row.labels.insert("plan".into(), "free".into()));
        let password: fn(&mut proto::ImportRow) = |row| row.password_hash = RFC_9106.into();
        let no_password: fn(&mut proto::ImportRow) = |row| row.password_hash.clear();
        let unchanged = async |row| {
            let imported = admin.import(vec![row]).await.unwrap();
            assert_eq!((imported.unchanged_count, imported.failed_count), (1, 0), "{imported:?}");
        };
        assert_eq!(differing(admin, other(label)).await, ["labels.plan"]);
        assert_eq!(differing(admin, other(password)).await, ["password_hash"]);
        assert_eq!(differing(admin, other(no_password)).await, ["password_hash"]);
        // Earlier versions stored an imported hash in this form.
        let changed = "UPDATE passwords SET hash = replace(hash, 'adopted:', '')";
        raw::change(&server, changed).await;
        assert_eq!(raw::count(&server, "SELECT count(*) FROM passwords WHERE hash LIKE '$argon2id$v=19$m=8,%'").await, 1);
        unchanged(full()).await;
        assert_eq!(differing(admin, other(label)).await, ["labels.plan"]);

        // A sign-in replaces the hash; the stored digest still identifies the row that was imported.
        assert_eq!(state(&kasa, "ann", PASSWORD).await, SignInState::Ready);
        unchanged(full()).await;
        assert_eq!(differing(admin, other(label)).await, ["labels.plan"]);
        assert_eq!(differing(admin, other(password)).await, ["password_hash"]);
        assert_eq!(differing(admin, other(no_password)).await, ["password_hash"]);

        // The account changes, and the row that was imported is still recognised.
        let request = proto::UpdateAccountRequest {
            account: "ann".into(),
            country: "FR".into(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["country".into()] }),
            ..Default::default()
        };
        admin.ok(request).await;
        unchanged(full()).await;
        assert_eq!(differing(admin, other(no_password)).await, ["country", "password_hash"]);
    }

    async fn an_account_that_is_as_the_row_says_is_unchanged_wherever_it_came_from(server) {
        let admin = server.actor("admin", Role::Admin).await.quiet();
        let email = "ann@example.com".to_owned();
        let (external_id, country) = ("ann".to_owned(), "DE".to_owned());
        let request = proto::CreateAccountRequest { external_id, email, country, ..Default::default() };
        admin.ok(request).await;
        let bare = proto::ImportRow {
            country: "DE".into(),
            password_hash: String::new(),
            ..row(1, "ann", Address::Unverified)
        };
        assert_eq!(admin.import(vec![bare.clone()]).await.unwrap().unchanged_count, 1);
        let verified = proto::ImportRow { email_verified: true, ..bare.clone() };
        assert_eq!(differing(&admin, verified).await, ["email_verified"]);
        let hashed = proto::ImportRow { password_hash: RFC_9106.into(), ..bare };
        assert_eq!(differing(&admin, hashed).await, ["password_hash"]);
    }

    async fn people_sign_in_with_hashes_of_other_systems(server) {
        let kasa = Kasa::open(&server).await;
        let rows = vec![hashed(1, "ann", RFC_9106), hashed(2, "bob", DJANGO), hashed(3, "cem", COSTLIEST)];
        assert_eq!(kasa.admin.import(rows).await.unwrap().reports, []);
        for name in ["ann", "bob", "cem"] {
            assert_eq!(state(&kasa, name, "correct horse battery stapler").await, SignInState::Denied);
            assert_eq!(state(&kasa, name, PASSWORD).await, SignInState::Ready, "{name}");
            assert_eq!(state(&kasa, name, PASSWORD).await, SignInState::Ready, "{name}, and the hash is an own one");
        }
        let own = "SELECT count(*) FROM passwords WHERE hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
        assert_eq!(raw::count(&server, own).await, 3);
    }

    /// The other system may have hashed the password decomposed (NFD) or composed (NFC), at another cost or
    /// at the app's own.
    async fn an_imported_password_is_right_as_it_was_typed(server) {
        let kasa = Kasa::open(&server).await;
        let salt = "c2FsdHNhbHRzYWx0c2FsdA";
        for (line, name, of, hash) in [
            (1, "ann", NFD, format!("m=8,t=1,p=1${salt}$vSbKK8+IbQwm+C5f0bJgYnAmOXEGRkjCD+oMgKO03Wo")),
            (2, "bob", NFD, format!("m=19456,t=2,p=1${salt}$8oQCJmMFVAkYGLXd4aslvqfuc7Dzds0jwM5fAD62Dv0")),
            (3, "cem", NFC, format!("m=8,t=1,p=1${salt}$BT38AKLsUrRsg8SlLb0jRu4McvQMBVX/n/ohRkWEjvU")),
            (4, "dan", NFC, format!("m=19456,t=2,p=1${salt}$fBoPgyVYFPtDlmJAtjXCU5bywtHCoFv0B6rMImtzEDs")),
        ] {
            let row = hashed(line, name, &format!("$argon2id$v=19${hash}"));
            assert_eq!(kasa.admin.import(vec![row]).await.unwrap().created_count, 1);
            assert_eq!(state(&kasa, name, "scho\u{308}ne lange Passphrasen").await, SignInState::Denied, "{name}");
            if of == NFD {
                assert_eq!(state(&kasa, name, NFC).await, SignInState::Denied, "{name}: not what was hashed");
            }
            // NFD matches both: it is tried as typed, and composed. Afterwards the app's own hash is of NFC.
            for typed in [NFD, NFC, NFD] {
                assert_eq!(state(&kasa, name, typed).await, SignInState::Ready, "{name}");
            }
        }
        let own = "SELECT count(*) FROM passwords WHERE hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
        assert_eq!(raw::count(&server, own).await, 4);
        let denied = "SELECT count(*) FROM events WHERE fact LIKE '%sign_in_denied%wrong_password%'";
        assert_eq!(raw::count(&server, denied).await, 6);
    }
}
