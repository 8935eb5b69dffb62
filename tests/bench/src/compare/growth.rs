//! What a sign-in leaves behind, and what that makes in a year.
//!
//! People with an authenticator app sign in once each, as the SDK does: every call has a request id. The bytes of all tables
//! and indexes are compared with those before, at first and after each period of retention: the program's own workers number,
//! count and sweep, with a clock that is ahead.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use tidegate_client::{Client, Settings};
use tidegate_core::{Clock, Entropy, Secret, Span, Timestamp};
use tidegate_factors::totp;
use tidegate_proto::{
    self as proto, ProofOutcome, answer_challenge_request::Answer::Code, begin_sign_in_request::FirstFactor,
    subject::Who,
};
use tidegate_service::{
    audit::Sealer,
    installation::{Retention, Sweeper},
    rollouts::FunnelWorker,
};

use crate::{
    ambient::{self, System},
    engine::Engine,
    hashing::{self, PASSWORD},
    options::Options,
    people::{self, PRODUCT},
    scene,
    site::{Closed, Site},
    table::{Must, Report, Row},
};

/// A million accounts that sign in twice a month.
const SIGN_INS_OF_A_YEAR: f64 = 24e6;
/// When everything is over that a sign-in leaves behind for a time.
const LONG_AFTER: Span = Span::days(400);
/// Of an authenticator app.
const STEP: Span = Span::seconds(30);
/// A pass of the sweeper ends before it when nothing is left.
const SWEEP: Duration = Duration::from_hours(1);

/// The machine's clock, so much ahead.
struct Ahead(Span);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        ambient::now().plus(self.0)
    }
}

/// People with two-step on, by their external ids.
struct Owners {
    seeds: Vec<(String, Secret<Vec<u8>>)>,
    frontend: Secret<String>,
    site: Site,
}

pub async fn run(engine: &Engine, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let mut owners = Owners::settle_in(engine, options).await?;
    // What is there once for each of them comes with the first sign-in: a device, counters of guesses.
    owners.sign_in(Span::seconds(0)).await?;
    let before = owners.bytes_after(LONG_AFTER).await?;
    owners.sign_in(STEP).await?;
    let mut left = [0.0; 4];
    for (left, days) in left.iter_mut().zip([0, 1, 8, 68]) {
        *left = (owners.bytes_after(Span::days(days)).await? - before) / owners.count()?;
    }
    let path = format!("growth ({})", engine.title());
    let [at_first, after_a_day, after_a_week, after_months] = left;
    for (when, bytes, most) in [
        ("at first", at_first, Must::AtMost(32_768.0)),
        ("after a day", after_a_day, Must::Nothing),
        ("after a week", after_a_week, Must::Nothing),
        ("after two months", after_months, Must::AtMost(8_192.0)),
    ] {
        report.row(Row::alone(&path, &format!("a sign-in, {when}"), bytes, "bytes", most));
    }
    for (what, bytes, days) in [
        ("events", after_months, 365.0),
        ("sessions", after_a_week - after_months, 60.0),
        ("sign-ins", after_a_day - after_a_week, 7.0),
        ("requests", at_first - after_a_day, 1.0),
    ] {
        let gigabytes = bytes * SIGN_INS_OF_A_YEAR * days / 365.0 / 1e9;
        let subject = format!("a million accounts after a year, {what}");
        report.row(Row::alone(&path, &subject, gigabytes, "GB", Must::Nothing));
    }
    Ok(())
}

impl Owners {
    async fn settle_in(engine: &Engine, options: &Options) -> anyhow::Result<Self> {
        let mut site = engine.site("growth").await?;
        let client = site.client().await?;
        scene::furnish(&client, options).await?;
        scene::rollout(&client, "all", PRODUCT, vec![1_000_000]).await?;
        let frontend = scene::credential(&client, proto::RoleType::Frontend).await?;
        people::import(&client, "owner", options.owners(), &hashing::hash()?).await?;
        site.stop()?;
        let closed = site.closed().await?;
        let seeds = people::authenticators(&closed, "owner", options.owners()).await?;
        closed.store.close().await;
        Ok(Self { seeds, frontend, site })
    }

    fn count(&self) -> anyhow::Result<f64> {
        Ok(f64::from(u32::try_from(self.seeds.len())?))
    }

    /// Each signs in once, with the code that is shown so much later.
    async fn sign_in(&mut self, later: Span) -> anyhow::Result<()> {
        self.site.start()?;
        let address = format!("http://{}", self.site.serving()?.address);
        let client = Client::connect(&Settings { address, ..Settings::new(self.frontend.clone()) }).await?;
        for (name, seed) in &self.seeds {
            sign_in(&client, name, seed, later).await?;
        }
        self.site.stop()
    }

    /// Bytes that rows and their indexes take, when so much time has passed.
    async fn bytes_after(&self, wait: Span) -> anyhow::Result<f64> {
        let Closed { store, keyring, url, .. } = self.site.closed().await?;
        let (clock, entropy) = (Arc::new(Ahead(wait)), Arc::new(System));
        Sealer::new(store.clone(), Arc::new(keyring), clock.clone(), entropy.clone()).seal().await?;
        FunnelWorker::new(store.clone(), clock.clone(), &*entropy).fold().await?;
        if wait > Span::seconds(0) {
            Sweeper::new(store.clone(), clock, &*entropy, Retention::default()).sweep(SWEEP).await?;
        }
        store.close().await;
        bytes(&url).await
    }
}

/// With password and app.
async fn sign_in(client: &Client, name: &str, seed: &Secret<Vec<u8>>, later: Span) -> anyhow::Result<()> {
    let request = proto::BeginSignInRequest {
        product: PRODUCT.to_owned(),
        identifier: format!("{name}@example.com"),
        first_factor: Some(FirstFactor::Password(PASSWORD.to_owned())),
        client: Some(proto::ClientContext { device_id: format!("phone-of-{name}"), ..Default::default() }),
        request_id: request_id(),
        ..Default::default()
    };
    let begun = client.sign_ins().begin_sign_in(request).await?.into_inner();
    let subject =
        || Some(proto::Subject { who: Some(Who::SignInToken(begun.sign_in_token.clone())), client: None });
    let sign_in = begun.sign_in.as_ref().context("no sign-in")?;
    let create = proto::CreateChallengeRequest {
        subject: subject(),
        purpose: proto::ChallengePurpose::SignIn.into(),
        factor_id: sign_in.offers.first().context("no factor is offered")?.factor_id.clone(),
        request_id: request_id(),
    };
    let challenge = client.challenges().create_challenge(create).await?.into_inner().challenge;
    let code = totp::generate(seed, ambient::now().plus(later))?;
    let answer = proto::AnswerChallengeRequest {
        subject: subject(),
        challenge_id: challenge.context("no challenge")?.id,
        answer: Some(Code(code.expose().clone())),
        request_id: request_id(),
    };
    let outcome = client.challenges().answer_challenge(answer).await?.into_inner().outcome();
    ensure!(outcome == ProofOutcome::Approved, "a right code is {outcome:?}");
    let complete =
        proto::CompleteSignInRequest { subject: subject(), request_id: request_id(), ..Default::default() };
    client.sign_ins().complete_sign_in(complete).await?;
    Ok(())
}

fn request_id() -> String {
    let entropy: &dyn Entropy = &System;
    uuid::Builder::from_random_bytes(entropy.bytes()).into_uuid().to_string()
}

async fn bytes(url: &str) -> anyhow::Result<f64> {
    let bytes: i64 = if let Some(path) = url.strip_prefix("sqlite:") {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
        // The periods of the leases that were taken have not come yet.
        sqlx::raw_sql("DELETE FROM leases").execute(&mut connection).await?;
        let used = "SELECT (page_count - freelist_count) * page_size \
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let bytes = sqlx::query_scalar(used).fetch_one(&mut connection).await?;
        connection.close().await?;
        bytes
    } else {
        let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
        sqlx::raw_sql("DELETE FROM leases").execute(&mut connection).await?;
        sqlx::raw_sql("VACUUM FULL").execute(&mut connection).await?;
        let all = "SELECT SUM(pg_total_relation_size(oid))::BIGINT FROM pg_class \
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        sqlx::query_scalar(all).fetch_one(&mut connection).await?
    };
    Ok(f64::from(u32::try_from(bytes)?))
}
