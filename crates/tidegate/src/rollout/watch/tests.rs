//! The screen at several sizes, and the lines where there is none.

use std::time::Duration;

use expect_test::{Expect, expect};
use ratatui::{Terminal, backend::TestBackend};
use tidegate_proto::{self as proto, FunnelStep, StepFailure, WaveState};

use super::{
    draw::draw,
    model::{Connection, Model},
    plain::line,
};

fn wave(ordinal: u32, title: &str, edge_ppm: u32, state: WaveState) -> proto::Wave {
    proto::Wave { ordinal, title: title.into(), edge_ppm, state: state.into(), ..Default::default() }
}

fn count(wave: u32, step: FunnelStep, count: i64) -> proto::FunnelCount {
    proto::FunnelCount { wave, product: "kasa".into(), step: step.into(), count, ..Default::default() }
}

fn failed(failure: StepFailure, count: i64) -> proto::FunnelCount {
    proto::FunnelCount { failure: failure.into(), ..self::count(1, FunnelStep::Failed, count) }
}

fn snapshot(waves: Vec<proto::Wave>) -> proto::WatchRolloutResponse {
    let at = |seconds| Some(proto::Timestamp { seconds, nanos: 0 });
    let shown = [1_840, 610, 0, 0];
    let counted = waves.iter().zip(shown).map(|(wave, shown_count)| proto::WaveStats {
        ordinal: wave.ordinal,
        shown_count,
        ..Default::default()
    });
    let product = proto::ProductStats {
        product: "kasa".into(),
        shown_count: 2_450,
        started_count: 1_310,
        active_count: 1_190,
        on_count: 1_184,
        ..Default::default()
    };
    let funnel = vec![
        count(1, FunnelStep::Shown, 1_840),
        count(1, FunnelStep::Started, 1_020),
        count(1, FunnelStep::Enrolled, 960),
        count(1, FunnelStep::Challenged, 5_310),
        count(1, FunnelStep::Passed, 5_120),
        failed(StepFailure::WrongAnswer, 240),
        failed(StepFailure::Expired, 31),
        count(2, FunnelStep::Shown, 610),
        count(2, FunnelStep::Started, 290),
        count(2, FunnelStep::Enrolled, 230),
    ];
    let stats = proto::GetStatsResponse {
        waves: counted.collect(),
        products: vec![product],
        funnel,
        ..Default::default()
    };
    let rollout = proto::Rollout {
        key: "kasa-two-step".into(),
        title: "Two-step at Kasa".into(),
        state: proto::RolloutState::Live.into(),
        revision: 7,
        waves,
        ..Default::default()
    };
    let revision = proto::RolloutRevision {
        rollout: Some(rollout),
        author: "cred_1".into(),
        author_name: "Mara Lind".into(),
        reason: "no complaints".into(),
        revise_time: at(1_772_442_000),
    };
    proto::WatchRolloutResponse { revision: Some(revision), stats: Some(stats), send_time: at(1_772_445_600) }
}

fn some_waves() -> Vec<proto::Wave> {
    vec![
        wave(1, "staff and volunteers", 1_000_000, WaveState::Done),
        wave(2, "first customers", 50_000, WaveState::Live),
        wave(3, "a quarter", 250_000, WaveState::Draft),
        wave(4, "all", 1_000_000, WaveState::Draft),
    ]
}

fn drawn(
    (width, height): (u16, u16),
    snapshot: &proto::WatchRolloutResponse,
    connection: Connection,
) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let model = Model::of("kasa-two-step", snapshot, connection);
    terminal.draw(|frame| draw(frame, &model)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(move |x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned() + "\n").collect()
}

fn check(size: (u16, u16), expected: &Expect) {
    expected.assert_eq(&drawn(size, &snapshot(some_waves()), Connection::Live));
}

#[test]
fn a_usual_terminal() {
    check(
        (80, 24),
        &expect![[r"
        kasa-two-step: Two-step at Kasa                                            LIVE
        revision 7 by Mara Lind at 2026-03-02T09:00:00Z: no complaints
        ●──◉──○──○

        wave  title                      share state          shown enrolled
        ● 1   staff and volunteers       100 % done            1840      960 █████░░░░░░
        ◉ 2   first customers              5 % live             610      230 █░░
        ○ 3   a quarter                   25 % draft              0        0
        ○ 4   all                        100 % draft              0        0

        shown           2450 ███████████████████████████
        started         1310 ██████████████
        enrolled        1190 █████████████
        challenged      5310 ███████████████████████████████████████████████████████████
        passed          5120 ████████████████████████████████████████████████████████
        failed           271 ███
        failed: wrong answer 240, expired 31

        kasa: shown 2450, begun 1310, active 1190, on 1184




        as of 2026-03-02T10:00:00Z                                              q leaves
    "]],
    );
}

#[test]
fn a_large_terminal() {
    check(
        (140, 40),
        &expect![[r"
        kasa-two-step: Two-step at Kasa                                                                                                        LIVE
        revision 7 by Mara Lind at 2026-03-02T09:00:00Z: no complaints
        ●──◉──○──○

        wave  title                                                              share state          shown enrolled
        ● 1   staff and volunteers                                               100 % done            1840      960 ████████████████░░░░░░░░░░░░░░░
        ◉ 2   first customers                                                      5 % live             610      230 ███░░░░░░░
        ○ 3   a quarter                                                           25 % draft              0        0
        ○ 4   all                                                                100 % draft              0        0

        shown           2450 ██████████████████████████████████████████████████████
        started         1310 █████████████████████████████
        enrolled        1190 ██████████████████████████
        challenged      5310 ███████████████████████████████████████████████████████████████████████████████████████████████████████████████████████
        passed          5120 ██████████████████████████████████████████████████████████████████████████████████████████████████████████████████
        failed           271 ██████
        failed: wrong answer 240, expired 31

        kasa: shown 2450, begun 1310, active 1190, on 1184




















        as of 2026-03-02T10:00:00Z                                                                                                          q leaves
    "]],
    );
}

#[test]
fn a_small_terminal() {
    check(
        (40, 10),
        &expect![[r"
        kasa-two-step: Two-step at Kasa    LIVE
        revision 7 by Mara Lind at 2026-03-02T0…
        ●──◉──○──○
        ◉ 2   first cus      5 %    610      230
        ○ 3   a quarter     25 %      0        0
        shown           2450 ████████
        started         1310 ████
        enrolled        1190 ████
        challenged      5310 ███████████████████
        as of 2026-03-02T10:00:00Z      q leaves
    "]],
    );
}

#[test]
fn a_lost_connection_is_told() {
    let lost = Connection::Lost { why: "the server is silent".into(), left: Duration::from_secs(4) };
    let screen = drawn((80, 24), &snapshot(some_waves()), lost);
    let foot = screen.lines().last().unwrap();
    expect!["connection lost, again in 4 s (the server is silent)                    q leaves"]
        .assert_eq(foot);
}

#[test]
fn of_many_waves_those_near_the_live_one_are_shown() {
    let state = |n| if n < 60 { WaveState::Done } else { WaveState::Draft };
    let mut waves: Vec<_> =
        (1..=100).map(|n| wave(n, &format!("wave of {n}"), n * 10_000, state(n))).collect();
    waves[59].state = WaveState::Live.into();
    let screen = drawn((80, 24), &snapshot(waves), Connection::Live);
    expect![[r"
        kasa-two-step: Two-step at Kasa                                            LIVE
        revision 7 by Mara Lind at 2026-03-02T09:00:00Z: no complaints
        ●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──●──◉──○

        wave  title                      share state          shown enrolled
        ● 52  wave of 52                  52 % done               0        0
        ● 53  wave of 53                  53 % done               0        0
        ● 54  wave of 54                  54 % done               0        0
        ● 55  wave of 55                  55 % done               0        0
        ● 56  wave of 56                  56 % done               0        0
        ● 57  wave of 57                  57 % done               0        0
        ● 58  wave of 58                  58 % done               0        0
        ● 59  wave of 59                  59 % done               0        0
        ◉ 60  wave of 60                  60 % live               0        0
        ○ 61  wave of 61                  61 % draft              0        0

        shown           2450 ███████████████████████████
        started         1310 ██████████████
        enrolled        1190 █████████████
        challenged      5310 ███████████████████████████████████████████████████████████
        passed          5120 ████████████████████████████████████████████████████████
        failed           271 ███

        as of 2026-03-02T10:00:00Z                                              q leaves
    "]]
    .assert_eq(&screen);
}

/// Whatever the size, nothing panics, and a few lines are enough for the title.
#[test]
fn every_size_can_be_drawn() {
    for width in [1, 2, 3, 9, 20, 39, 40, 63, 64, 90] {
        for height in (1..=11).chain([15, 16, 23]) {
            let screen = drawn((width, height), &snapshot(some_waves()), Connection::Live);
            assert!(
                width < 40 || height < 5 || screen.starts_with("kasa-two-step: Two-step"),
                "{width}×{height}: {screen}"
            );
            let none = proto::WatchRolloutResponse::default();
            drawn((width, height), &none, Connection::Live);
        }
    }
}

/// Titles are other people's text: no control character reaches the terminal.
#[test]
fn text_from_the_wire_moves_no_cursor() {
    let waves = vec![wave(1, "\u{1b}[2J\u{202e}evil", 10_000, WaveState::Live)];
    let screen = drawn((80, 24), &snapshot(waves), Connection::Live);
    assert!(screen.contains("\u{fffd}[2J\u{fffd}evil"), "{screen}");
}

#[test]
fn a_line_says_it_all() {
    expect!["kasa-two-step: live, 2 of 4 waves started, revision 7 by Mara Lind: no complaints; shown 2450, started 1310, enrolled 1190, challenged 5310, passed 5120, failed 271"].assert_eq(&line(&snapshot(some_waves())));
}

#[test]
fn what_goes_on_by_itself_is_drawn_too() {
    let at = |seconds| Some(proto::Timestamp { seconds, nanos: 0 });
    let phase = |seconds, rung: proto::Rung| proto::LadderPhase {
        from_time: at(seconds),
        rung: rung.into(),
        ..Default::default()
    };
    let phases = vec![phase(0, proto::Rung::Required), phase(2_000_000_000, proto::Rung::Locked)];
    let rule = proto::LadderRule { title: "Everybody".into(), phases, ..Default::default() };
    let mut snapshot = snapshot(vec![wave(1, "all", 1_000_000, WaveState::Live)]);
    let rollout = snapshot.revision.as_mut().unwrap().rollout.as_mut().unwrap();
    rollout.ladder = vec![rule];
    snapshot.send_time = at(1_000_000_000);
    let model = Model::of("kasa", &snapshot, Connection::Live);
    let dates = [
        "ladder: 'Everybody' is required since 1970-01-01T00:00:00Z",
        "next: 2033-05-18T03:33:20Z: 'Everybody' is locked",
    ];
    assert_eq!(model.dates, dates);
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
    terminal.draw(|frame| draw(frame, &model)).unwrap();
    assert!(format!("{}", terminal.backend()).contains(dates[1]));
}
