//! Introspect of live sessions against an echo of the token.

use tidegate_proto as proto;

use crate::{
    calls::{Introspect, SameToken, again},
    load::Load,
    rounds::{Contender, interleave},
    scene::Scene,
    table::{By, Must, Report, Row},
};

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let tokens = scene.sessions.iter();
    let asked = again(
        tokens.map(|token| proto::IntrospectRequest { session_token: token.expose().clone() }).collect(),
    );
    let of = |lines: Vec<_>| -> Vec<_> {
        lines.into_iter().map(|line| Introspect { line, asked: asked.clone() }).collect()
    };
    let same = of(scene.echo_lines().await?).into_iter().map(SameToken).collect();
    let same = Load::new(same, scene.options.at_once);
    let subject = Load::new(of(scene.frontend_lines().await?), scene.options.at_once);
    let (until, echo, server) = (scene.options.until(), &scene.echo.process, &scene.large.serving()?.process);
    let sides = interleave(
        scene.options.rounds(),
        vec![
            Contender::new("echo of the token", || same.round(until, Some(echo))),
            Contender::new("Introspect", || subject.round(until, Some(server))),
        ],
    )
    .await?;
    let path = format!("Introspect ({})", scene.engine.title());
    if let [same, subject] = sides.as_slice() {
        report.row(Row::of(&path, subject, same, By::Cpu, Must::AtLeast(0.5))?);
    }
    report.sides(&path, sides);
    Ok(())
}
