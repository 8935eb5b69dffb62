//! Password sign-ins against the bare hash, their effect on other calls, and how fast those are refused that
//! find the queue full.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tidegate_proto::{self as proto, begin_sign_in_request::FirstFactor};
use tokio::task::JoinSet;

use crate::{
    calls::{BeginSignIn, Evaluate, again},
    compare::evaluate::asked,
    crowd,
    hashing::PASSWORD,
    load::{Load, Until},
    people::PRODUCT,
    process::Process,
    rounds::{Contender, interleave},
    sample::{Sample, Side, tenths},
    scene::{PASSWORDS, Scene},
    table::{By, Must, Report, Row},
};

/// Sign-ins at once: enough to keep every core hashing, and so few that none is refused.
const AT_ONCE: usize = 16;
/// More than may run and queue together.
const TOO_MANY: usize = 96;
/// How long a refused caller pauses before the next attempt.
const REST: Duration = Duration::from_millis(50);

pub async fn run(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let asked_for = again((0..PASSWORDS).map(begin).collect());
    let lines = scene.frontend_lines().await?;
    let callers: Vec<_> =
        lines.iter().map(|line| BeginSignIn { line: line.clone(), asked: asked_for.clone() }).collect();
    let sign_ins = Load::new(callers.clone(), AT_ONCE.div_ceil(lines.len()));
    let until = Until::Passed(scene.options.span() * 2);
    let server = &scene.large.serving()?.process;
    let mut hasher = Process::start(&["serve-argon2"], &std::env::temp_dir())?;
    hasher.says("ready")?;
    let hasher = std::cell::RefCell::new(hasher);
    let sides = interleave(
        scene.options.rounds(),
        vec![
            Contender::new("argon2id on all cores", || async {
                hash(&mut hasher.borrow_mut(), scene.options.span() * 2)
            }),
            Contender::new("BeginSignIn", || sign_ins.round(until, Some(server))),
        ],
    )
    .await?;
    let path = format!("password sign-ins ({})", scene.engine.title());
    if let [bare, subject] = sides.as_slice() {
        report.row(Row::of(&path, subject, bare, By::Rate, Must::AtLeast(0.95))?);
        report.row(Row::of(&path, subject, bare, By::Cpu, Must::Nothing)?);
    }
    report.sides(&path, sides);

    let known = again((0..1_000).map(|place| asked(crowd::account(place).to_string())).collect());
    let beside = lines.iter().take(4).map(|line| Evaluate { line: line.clone(), asked: known.clone() });
    let beside = Load::new(beside.collect(), 1).paced(Duration::from_millis(5));
    let sides = interleave(
        scene.options.rounds(),
        vec![
            Contender::new("Evaluate, otherwise idle", || beside.round(until, Some(server))),
            Contender::new("Evaluate beside sign-ins", || async {
                let (evaluated, signed_in) =
                    tokio::join!(beside.round(until, None), sign_ins.round(until, None));
                signed_in?;
                evaluated
            }),
        ],
    )
    .await?;
    let path = format!("Evaluate beside passwords ({})", scene.engine.title());
    if let [idle, busy] = sides.as_slice() {
        report.row(Row::of(&path, busy, idle, By::Latency(0.99), Must::AtMost(1.5))?);
    }
    report.sides(&path, sides);

    let path = format!("password overload ({})", scene.engine.title());
    let span = scene.options.span() * u32::try_from(scene.options.rounds())?;
    let refused = overload(&callers, span).await?;
    let most = refused.quantile(0.99).context("nobody was refused: there was no overload")? / 1e3;
    report.row(Row::alone(&path, "a refusal, p99", most, "ms", Must::AtMost(5.0)));
    report.sides(&path, [Side { name: "refused".to_owned(), rounds: vec![refused] }]);
    Ok(())
}

fn begin(place: usize) -> proto::BeginSignInRequest {
    proto::BeginSignInRequest {
        product: PRODUCT.to_owned(),
        identifier: format!("password-{place}@example.com"),
        first_factor: Some(FirstFactor::Password(PASSWORD.to_owned())),
        ..Default::default()
    }
}

fn hash(hasher: &mut Process, span: Duration) -> anyhow::Result<Sample> {
    let before = hasher.cpu()?;
    hasher.tell(&span.as_millis().to_string())?;
    let (line, _) = hasher.says("hashed")?;
    let cpu = hasher.cpu()?.saturating_sub(before);
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
    let (done, nanos) = numbers.next().zip(numbers.next()).context("hashes were not counted")?;
    Ok(Sample::counted(done, Duration::from_nanos(nanos), Some(cpu)))
}

/// Latencies of the calls that were refused.
async fn overload(callers: &[BeginSignIn], span: Duration) -> anyhow::Result<Sample> {
    let (mut workers, begun) = (JoinSet::new(), Instant::now());
    for number in 0..TOO_MANY {
        let caller = callers.get(number % callers.len()).context("no connection")?.clone();
        workers.spawn(async move {
            let (mut refused, mut next) = (Vec::new(), number as u64);
            while begun.elapsed() < span {
                let at = Instant::now();
                if caller.begin(next).await.is_err() {
                    refused.push(tenths(at.elapsed()));
                    tokio::time::sleep(REST).await;
                }
                next += TOO_MANY as u64;
            }
            refused
        });
    }
    let refused = workers.join_all().await.concat();
    Ok(Sample::new(refused, begun.elapsed(), None))
}
