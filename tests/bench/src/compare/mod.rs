//! The comparisons, one file each.

mod answer;
pub mod batch;
mod decide;
pub mod evaluate;
mod everywhere;
mod growth;
mod idle;
mod introspect;
mod password;
mod preview;
mod wave;

use std::future::Future;

pub use self::wave::waves;

use crate::{engine::Engine, options::Options, scene::Scene, table::Report};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    Idle,
    Evaluate,
    Batch,
    Introspect,
    Answer,
    Password,
    Wave,
    Everywhere,
    Preview,
    Growth,
    Decide,
}

impl Name {
    /// Whether it is measured in the installations that the others share.
    pub fn is_of_scene(self) -> bool {
        !matches!(self, Self::Growth | Self::Decide)
    }
}

/// One comparison on one engine.
pub async fn run(name: Name, scene: &mut Scene, report: &mut Report) -> anyhow::Result<()> {
    said(name, scene.engine.title(), async {
        match name {
            Name::Idle => idle::run(scene, report).await,
            Name::Evaluate => evaluate::run(scene, report).await,
            Name::Batch => batch::run(scene, report).await,
            Name::Introspect => introspect::run(scene, report).await,
            Name::Answer => answer::run(scene, report).await,
            Name::Password => password::run(scene, report).await,
            Name::Wave => wave::run(scene, report).await,
            Name::Everywhere => everywhere::run(scene, report).await,
            Name::Preview => preview::run(scene, report).await,
            Name::Growth | Name::Decide => Ok(()),
        }
    })
    .await
}

/// On an installation of its own.
pub async fn growth(engine: &Engine, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    said(Name::Growth, engine.title(), growth::run(engine, options, report)).await
}

/// No engine has a part in it.
pub fn in_process(report: &mut Report) -> anyhow::Result<()> {
    decide::run(report)
}

async fn said(
    name: Name,
    engine: &str,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    eprintln!("{name:?} on {engine} …");
    work.await.map_err(|error| error.context(format!("failed to measure {name:?} on {engine}")))
}
