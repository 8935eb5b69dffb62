//! What the comparisons of one engine share: an installation with very many accounts, one with few, the
//! echo, and the people who ask.

use std::{fs, sync::Arc, time::Instant};

use anyhow::Context as _;
use prost::Message as _;
use tidegate_client::Client;
use tidegate_core::Secret;
use tidegate_proto as proto;

use crate::{
    calls::Line,
    compare::{self, Name},
    crowd,
    engine::Engine,
    hashing,
    options::Options,
    people::{self, Guest, PRODUCT},
    site::{Serving, Site},
};

/// Accounts with a password.
pub const PASSWORDS: usize = 256;
/// The product and the rollout whose waves are started one after the other.
pub const SLOW: &str = "stove";
const FEW: u64 = 1_000;
const SESSIONS: u64 = 2_000;

pub struct Scene {
    pub options: Options,
    pub large: Site,
    /// Accounts in the large one.
    pub size: u64,
    /// With 1 000 accounts.
    pub small: Site,
    pub echo: Serving,
    pub guests: Arc<Vec<Guest>>,
    pub sessions: Vec<Secret<String>>,
    frontend: Secret<String>,
    evaluator: Secret<String>,
    /// Last, because fields are dropped in order, and the sites use the engine.
    pub engine: Engine,
}

impl Scene {
    pub async fn set(options: &Options, name: crate::engine::EngineName) -> anyhow::Result<Self> {
        let (engine, begun) = (Engine::start(name)?, Instant::now());
        let mut small = engine.site("small").await?;
        furnish(&small.client().await?, options).await?;
        fill(&mut small, FEW).await?;
        let (mut large, size) = (engine.site("large").await?, options.crowd());
        let client = large.client().await?;
        furnish(&client, options).await?;
        let frontend = credential(&client, proto::RoleType::Frontend).await?;
        let evaluator = credential(&client, proto::RoleType::Evaluator).await?;
        people::import(&client, "password", PASSWORDS, &hashing::hash()?).await?;
        let guests = if options.wants(Name::Answer) { options.guests() } else { 0 };
        people::import(&client, "guest", guests, "").await?;
        large.stop()?;
        let closed = large.closed().await?;
        crowd::gather(&closed, size).await?;
        let guests = Arc::new(people::guests(&closed, "guest", guests).await?);
        let accounts: Vec<_> = (0..SESSIONS).map(crowd::account).collect();
        let sessions = people::sessions(&closed, &accounts).await?;
        crowd::settle(&closed).await?;
        closed.store.close().await;
        drop(closed);
        large.start()?;
        let echo = echo(&large, &large.client().await?).await?;
        eprintln!("{} is set up after {:.0?}", engine.title(), begun.elapsed());
        let options = options.clone();
        Ok(Self { options, large, size, small, echo, guests, sessions, frontend, evaluator, engine })
    }

    pub async fn echo_lines(&self) -> anyhow::Result<Vec<Line>> {
        self.lines(&self.echo, &self.frontend).await
    }

    pub async fn frontend_lines(&self) -> anyhow::Result<Vec<Line>> {
        self.lines(self.large.serving()?, &self.frontend).await
    }

    pub async fn evaluator_lines(&self) -> anyhow::Result<Vec<Line>> {
        self.lines(self.large.serving()?, &self.evaluator).await
    }

    async fn lines(&self, serving: &Serving, credential: &Secret<String>) -> anyhow::Result<Vec<Line>> {
        let channels = serving.channels(self.options.connections).await?;
        channels.into_iter().map(|channel| Line::new(channel, credential)).collect()
    }
}

/// Two products, three rollouts of the first, one of the second with a wave for every round.
pub async fn furnish(client: &Client, options: &Options) -> anyhow::Result<()> {
    for key in [PRODUCT, SLOW] {
        let link_url = format!("https://{key}.example/confirm");
        let settings = Some(proto::ProductSettings { link_url, ..Default::default() });
        let (key, title) = (key.to_owned(), key.to_owned());
        let product = proto::CreateProductRequest { key, title, settings, ..Default::default() };
        client.products().create_product(product).await?;
    }
    for (key, edge) in [("one", 10_000), ("two", 250_000), ("three", 500_000)] {
        rollout(client, key, PRODUCT, vec![edge, 1_000_000]).await?;
    }
    let waves = u32::try_from(compare::waves(options) + 1)?;
    rollout(client, SLOW, SLOW, (1..=waves).map(|wave| wave * (1_000_000 / waves)).collect()).await
}

/// Creates a rollout and starts its first wave.
pub async fn rollout(client: &Client, key: &str, product: &str, edges: Vec<u32>) -> anyhow::Result<()> {
    let wave = |edge_ppm| proto::WaveDraft {
        title: "wave".to_owned(),
        edge: Some(proto::wave_draft::Edge::EdgePpm(edge_ppm)),
        ..Default::default()
    };
    let rollout = proto::CreateRolloutRequest {
        key: key.to_owned(),
        title: key.to_owned(),
        products: vec![product.to_owned()],
        waves: edges.into_iter().map(wave).collect(),
        ..Default::default()
    };
    let made = client.rollouts().create_rollout(rollout).await?.into_inner().rollout.context("no rollout")?;
    let start = proto::StartRolloutRequest { rollout: made.key, etag: made.etag, ..Default::default() };
    client.rollouts().start_rollout(start).await?;
    Ok(())
}

pub async fn credential(client: &Client, role: proto::RoleType) -> anyhow::Result<Secret<String>> {
    let request = proto::CreateCredentialRequest {
        role: role.into(),
        products: vec![PRODUCT.to_owned()],
        title: "bench".to_owned(),
        holder: "bench".to_owned(),
        ..Default::default()
    };
    Ok(Secret::new(client.access().create_credential(request).await?.into_inner().token))
}

async fn fill(site: &mut Site, count: u64) -> anyhow::Result<()> {
    site.stop()?;
    let closed = site.closed().await?;
    crowd::gather(&closed, count).await?;
    crowd::settle(&closed).await?;
    closed.store.close().await;
    drop(closed);
    site.start()
}

/// The canned answers are real ones.
async fn echo(site: &Site, client: &Client) -> anyhow::Result<Serving> {
    let one = compare::evaluate::asked(crowd::account(0).to_string());
    let one = client.evaluations().evaluate(one).await?.into_inner();
    let batch = client.evaluations().batch_evaluate(compare::batch::batch(0)).await?.into_inner();
    let (one_file, batch_file) = (site.file("one.bin"), site.file("batch.bin"));
    fs::write(&one_file, one.encode_to_vec())?;
    fs::write(&batch_file, batch.encode_to_vec())?;
    let path = |file: &std::path::Path| file.to_str().map(str::to_owned).context("a path that is no text");
    Serving::start(&["serve-echo", &path(&one_file)?, &path(&batch_file)?], &std::env::temp_dir())
}
