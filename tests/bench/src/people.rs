//! Accounts that take part in a measurement: with a factor, a password or a session.

use anyhow::Context as _;
use tidegate_client::Client;
use tidegate_core::{
    AccountId, Actor, Budget, Challenge, ChallengeId, ChallengeState, Entropy, Event, Fact, Factor, Id,
    Method, Proof, Purpose, Requirement, Secret, Session, SignIn, SignInState, Span, Within,
};
use tidegate_keyring::{SealContext, TokenKind};
use tidegate_proto as proto;
use tidegate_store::{
    Error, Tx, accounts,
    attempts::{self, Counter},
    challenges, factors, sessions, sign_ins, standings,
};

use crate::{
    ambient::{self, System},
    site::Closed,
};

pub const PRODUCT: &str = "kasa";
/// Longer than any run.
const SESSION_AGE: Span = Span::hours(12);
/// Accounts of one transaction.
const CHUNK: usize = 500;

/// A person whose sign-in waits for a code.
#[derive(Clone)]
pub struct Guest {
    pub sign_in: Secret<String>,
    pub challenge: ChallengeId,
    pub seed: Secret<Vec<u8>>,
}

/// Imports accounts `prefix-0` to `prefix-count`, with a password if there is a hash of one.
pub async fn import(client: &Client, prefix: &str, count: usize, hash: &str) -> anyhow::Result<()> {
    let rows = (0..count).map(|place| proto::ImportRow {
        line: place as u64 + 1,
        external_id: format!("{prefix}-{place}"),
        email: format!("{prefix}-{place}@example.com"),
        email_verified: true,
        password_hash: hash.to_owned(),
        ..Default::default()
    });
    let done = client.import_accounts(rows, |_| ()).await?;
    anyhow::ensure!(usize::try_from(done.created_count)? == count, "not all were imported: {done:?}");
    Ok(())
}

/// Gives each imported account a factor that was used before, and a sign-in whose challenge waits for its
/// code.
pub async fn guests(closed: &Closed, prefix: &str, count: usize) -> anyhow::Result<Vec<Guest>> {
    let mut guests = Vec::new();
    let names: Vec<_> = (0..count).map(|place| format!("{prefix}-{place}")).collect();
    for names in names.chunks(CHUNK) {
        let external = names.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>()?;
        let mut view = closed.store.view("bench", closed.realm);
        let known = standings::many(&mut view, Vec::new(), external).await?;
        let accounts = known.iter().map(|known| known.standing.account);
        let made = accounts.map(|account| guest(closed, account)).collect::<anyhow::Result<Vec<_>>>()?;
        let work = async |tx: &mut Tx| -> Result<(), Error> {
            for (guest, factor, sign_in, challenge) in &made {
                if let Some(digest) = TokenKind::SignIn.digest(guest.sign_in.expose()) {
                    let counter = Counter { id: sign_in.id.uuid(), tag: Vec::new() };
                    sign_ins::begin(tx.executor(), digest, sign_in, &counter, begun(sign_in)).await?;
                }
                challenges::insert(tx, challenge).await?;
                factors::insert(tx, factor).await?;
                let used = Budget { revision: 1, successes: 1, ..Budget::fresh(factor.created_at) };
                attempts::replace(tx.executor(), &Counter { id: factor.id.uuid(), tag: Vec::new() }, 0, used)
                    .await?;
            }
            Ok(())
        };
        closed.store.tx("bench", closed.realm, work).await?;
        guests.extend(made.into_iter().map(|(guest, ..)| guest));
    }
    anyhow::ensure!(guests.len() == count, "{} of {count} were imported", guests.len());
    Ok(guests)
}

/// Gives each imported account an authenticator app, and turns two-step on. Returns their external ids and seeds.
pub async fn authenticators(
    closed: &Closed,
    prefix: &str,
    count: usize,
) -> anyhow::Result<Vec<(String, Secret<Vec<u8>>)>> {
    let mut seeds = Vec::new();
    let names: Vec<_> =
        (0..count).map(|place| format!("{prefix}-{place}").parse()).collect::<Result<_, _>>()?;
    let mut view = closed.store.view("bench", closed.realm);
    for known in standings::many(&mut view, Vec::new(), names).await? {
        let account = known.standing.account;
        let (seed, factor) = authenticator(closed, account)?;
        let work = async |tx: &mut Tx| -> Result<(), Error> {
            factors::insert(tx, &factor).await?;
            accounts::switch_on(tx, account, factor.created_at).await?;
            Ok(())
        };
        closed.store.tx("bench", closed.realm, work).await?;
        seeds.push((known.external_id.context("no external id")?.to_string(), seed));
    }
    anyhow::ensure!(seeds.len() == count, "{} of {count} were imported", seeds.len());
    Ok(seeds)
}

fn begun(sign_in: &SignIn) -> Event {
    let SignIn { id, account, requirement, .. } = *sign_in;
    Event {
        id: Id::new(sign_in.created_at, &System),
        at: sign_in.created_at,
        actor: Actor::Worker("bench".to_owned()),
        product: Some(sign_in.product.clone()),
        account: Some(account),
        fact: Fact::SignInBegun { sign_in: id, requirement, trusted: false },
        personal: None,
    }
}

fn guest(closed: &Closed, account: AccountId) -> anyhow::Result<(Guest, Factor, SignIn, Challenge)> {
    let (now, entropy): (_, &dyn Entropy) = (ambient::now(), &System);
    let (token, _) = TokenKind::SignIn.mint(entropy);
    let (seed, factor) = authenticator(closed, account)?;
    let sign_in = SignIn {
        id: Id::new(now, entropy),
        account,
        product: PRODUCT.parse()?,
        state: SignInState::PendingChallenge,
        requirement: Requirement::SecondStep,
        proofs: vec![Proof { method: Method::Password, at: now, factor: None, mailed: false }],
        trusted_by: None,
        device: None,
        epoch: 0,
        device_since: None,
        weak_password: false,
        created_at: now,
        expires_at: now.plus(SESSION_AGE),
    };
    let challenge = Challenge {
        id: Id::new(now, entropy),
        account,
        within: Within::SignIn(sign_in.id),
        factor: Some(factor.id),
        method: Method::Totp,
        purpose: Purpose::SignIn,
        state: ChallengeState::Open,
        tries: 0,
        max_tries: 5,
        material: None,
        created_at: now,
        expires_at: now.plus(SESSION_AGE),
    };
    Ok((Guest { sign_in: token, challenge: challenge.id, seed }, factor, sign_in, challenge))
}

/// An app that shows codes, and its factor.
fn authenticator(closed: &Closed, account: AccountId) -> anyhow::Result<(Secret<Vec<u8>>, Factor)> {
    let (now, entropy): (_, &dyn Entropy) = (ambient::now(), &System);
    let seed = Secret::new(entropy.bytes::<20>().to_vec());
    let factor = Id::new(now, entropy);
    let place = SealContext::FactorMaterial { realm: closed.realm, account, factor };
    let sealed = closed.keyring.seal(&place, &seed, entropy)?;
    Ok((seed, Factor { material: Some(sealed), ..Factor::new(factor, account, Method::Totp, now) }))
}

/// Live sessions whose last use lies in the future, so that `Introspect` writes nothing: it records a use at
/// most once a minute, and that write is not what is measured.
pub async fn sessions(closed: &Closed, accounts: &[AccountId]) -> anyhow::Result<Vec<Secret<String>>> {
    let (now, entropy): (_, &dyn Entropy) = (ambient::now(), &System);
    let product: tidegate_core::ProductKey = PRODUCT.parse()?;
    let mut tokens = Vec::new();
    let work = async |tx: &mut _| -> Result<(), Error> {
        for account in accounts {
            let (token, digest) = TokenKind::Session.mint(entropy);
            let session = Session {
                id: Id::new(now, entropy),
                account: *account,
                product: product.clone(),
                device: None,
                proofs: vec![Proof { method: Method::Password, at: now, factor: None, mailed: false }],
                trusted: false,
                met: Requirement::None,
                later_proofs: Vec::new(),
                created_at: now,
                last_used_at: now.plus(SESSION_AGE),
                idle: SESSION_AGE,
                expires_at: now.plus(SESSION_AGE),
                end: None,
                client: None,
                refresh: None,
                reauth_by: None,
            };
            sessions::insert(tx, digest, &session).await?;
            tokens.push(token);
        }
        Ok(())
    };
    closed.store.tx("bench", closed.realm, work).await?;
    Ok(tokens)
}
