//! Draws a rollout into any terminal: what does not fit is left out, the least important first.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Paragraph, Row, Table},
};
use tidegate_proto::{RolloutState, WaveState};

use super::model::{Connection, Model, WaveLine};

/// From this width on, waves have all columns.
const WIDE: u16 = 64;
/// From this height on, there are empty lines and captions between the parts.
const TALL: u16 = 16;
/// Below this width, a bar says nothing.
const LEAST_BAR: u16 = 6;

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// The lines of each part.
struct Heights {
    waves: u16,
    steps: u16,
    failures: u16,
    products: u16,
}

pub fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    let gap = u16::from(area.height >= TALL);
    let heights = heights(area.height, gap, model);
    let parts = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1 + gap),
        Constraint::Length(heights.waves),
        Constraint::Length(gap),
        Constraint::Length(heights.steps),
        Constraint::Length(heights.failures),
        Constraint::Length(gap),
        Constraint::Length(heights.products),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]);
    let [title, change, timeline, waves, _, steps, failures, _, products, _, foot] = parts.areas(area);
    frame.render_widget(title_line(model, title.width), title);
    let last = cut(&format!("revision {} {}", model.revision, model.change), usize::from(change.width));
    frame.render_widget(Line::styled(last, DIM), change);
    frame.render_widget(self::timeline(model, timeline.width), timeline);
    draw_waves(frame, model, waves, gap > 0);
    draw_steps(frame, model, steps);
    if heights.failures > 0 {
        let each: Vec<_> = model.failures.iter().map(|(why, count)| format!("{why} {count}")).collect();
        frame.render_widget(Line::styled(format!("failed: {}", each.join(", ")), DIM), failures);
    }
    let lines = model.dates.iter().chain(&model.products).map(|line| Line::styled(line.clone(), DIM));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), products);
    frame.render_widget(foot_line(model, foot.width), foot);
}

/// Shares the lines that are left after title, change, timeline and foot: waves first, at most as many as leave the funnel
/// its lines, then the funnel, then the rest.
fn heights(height: u16, gap: u16, model: &Model) -> Heights {
    let count = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
    let left = height.saturating_sub(4 + 3 * gap);
    let steps = count(model.steps.len()).max(1);
    let all_waves = count(model.waves.len()).saturating_add(gap);
    let waves = all_waves.min(left.saturating_sub(steps).max(left / 3).max(1)).min(left);
    let left = left - waves;
    let steps = steps.min(left);
    let left = left - steps;
    let failures = u16::from(!model.failures.is_empty()).min(left);
    let products = count(model.dates.len() + model.products.len()).min(left - failures);
    Heights { waves, steps, failures, products }
}

fn title_line(model: &Model, width: u16) -> Line<'static> {
    let color = match model.state {
        RolloutState::Live => Color::Green,
        RolloutState::Paused => Color::Yellow,
        RolloutState::Stopped => Color::Red,
        RolloutState::RolledBack => Color::Magenta,
        RolloutState::Draft | RolloutState::Unspecified => Color::Blue,
        RolloutState::Ended => Color::DarkGray,
    };
    let state = format!(" {} ", model.state_name.to_uppercase());
    let room = usize::from(width).saturating_sub(state.chars().count() + 1);
    let title = cut(&model.title, room);
    let style = Style::new().fg(Color::Black).bg(color).add_modifier(Modifier::BOLD);
    let fill = room.saturating_sub(Span::raw(title.as_str()).width()) + 1;
    Line::from(vec![Span::styled(title, BOLD), Span::raw(" ".repeat(fill)), Span::styled(state, style)])
}

/// `●──●──◉──○`: waves that are done, live, and to come.
fn timeline(model: &Model, width: u16) -> Line<'static> {
    // A mark takes three columns, the last one a single one.
    let fits = usize::from(width.saturating_add(2) / 3).max(1);
    let mut spans = Vec::new();
    for (place, wave) in window(&model.waves, fits).iter().enumerate() {
        if place > 0 {
            spans.push(Span::styled("──", DIM));
        }
        let (mark, style) = mark(wave.state);
        spans.push(Span::styled(mark, style));
    }
    Line::from(spans)
}

const fn mark(state: WaveState) -> (&'static str, Style) {
    match state {
        WaveState::Done => ("●", Style::new().fg(Color::Green)),
        WaveState::Live => ("◉", Style::new().fg(Color::Green).add_modifier(Modifier::BOLD)),
        WaveState::RolledBack => ("×", Style::new().fg(Color::Magenta)),
        WaveState::Scheduled => ("◔", Style::new().fg(Color::Cyan)),
        WaveState::Draft | WaveState::Unspecified => ("○", DIM),
    }
}

/// At most so many waves, with the one that was started last among them.
fn window(waves: &[WaveLine], fits: usize) -> &[WaveLine] {
    let last = waves.iter().rposition(|wave| wave.state == WaveState::Live).unwrap_or(0);
    let first = (last + 2).saturating_sub(fits).min(waves.len().saturating_sub(fits));
    waves.get(first..waves.len().min(first + fits)).unwrap_or_default()
}

fn draw_waves(frame: &mut Frame<'_>, model: &Model, area: Rect, with_caption: bool) {
    let fits = usize::from(area.height).saturating_sub(usize::from(with_caption));
    let waves = window(&model.waves, fits);
    let most = model.waves.iter().map(|wave| wave.shown.max(wave.enrolled)).max().unwrap_or(0);
    let is_wide = area.width >= WIDE;
    let widths = if is_wide {
        vec![
            Constraint::Length(5),
            Constraint::Fill(2),
            Constraint::Length(10),
            Constraint::Length(11),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Fill(1),
        ]
    } else {
        vec![
            Constraint::Length(5),
            Constraint::Fill(1),
            Constraint::Length(8),
            Constraint::Length(6),
            Constraint::Length(8),
        ]
    };
    // The columns as the table places them, to know how wide a bar may be.
    let columns = Layout::horizontal(widths.clone()).spacing(1).split(area);
    let bar_width = if is_wide { columns.last().map_or(0, |column| column.width) } else { 0 };
    let rows = waves.iter().map(|wave| {
        let (mark, style) = mark(wave.state);
        let place = Line::from(vec![Span::styled(mark, style), Span::raw(format!(" {}", wave.ordinal))]);
        let (shown, enrolled) = (number(wave.shown), number(wave.enrolled));
        let share = Line::from(wave.share.clone()).right_aligned();
        let mut cells = vec![place, Line::from(wave.title.clone()), share];
        if is_wide {
            cells.push(Line::from(wave.state_name.clone()));
        }
        cells.extend([shown, enrolled]);
        if is_wide {
            cells.push(two_bars(wave.shown, wave.enrolled, most, bar_width));
        }
        Row::new(cells)
    });
    let mut table = Table::new(rows, widths).column_spacing(1);
    if with_caption {
        let right = |text: &'static str| Line::from(text).right_aligned();
        let mut header = vec![Line::from("wave"), Line::from("title"), right("share")];
        if is_wide {
            header.push(Line::from("state"));
        }
        header.extend([right("shown"), right("enrolled")]);
        table = table.header(Row::new(header).style(DIM));
    }
    frame.render_widget(table, area);
}

fn number(count: i64) -> Line<'static> {
    Line::from(count.to_string()).right_aligned()
}

/// Solid as far as accounts enrolled, and light as far as they were shown the feature.
fn two_bars(shown: i64, enrolled: i64, most: i64, width: u16) -> Line<'static> {
    if width < LEAST_BAR {
        return Line::default();
    }
    let solid = length(enrolled, most, width);
    let light = length(shown, most, width).saturating_sub(solid);
    Line::from(vec![
        Span::styled("█".repeat(solid), Style::new().fg(Color::Green)),
        Span::styled("░".repeat(light), Style::new().fg(Color::Green)),
    ])
}

/// A count that is not zero has at least one column.
fn length(count: i64, most: i64, width: u16) -> usize {
    if count <= 0 || most <= 0 {
        return 0;
    }
    let columns = (i128::from(count) * i128::from(width) / i128::from(most)).clamp(1, i128::from(width));
    usize::try_from(columns).unwrap_or(0)
}

fn draw_steps(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    if model.steps.is_empty() {
        frame.render_widget(Line::styled("the funnel counts no events yet", DIM), area);
        return;
    }
    let most = model.steps.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let widths = [Constraint::Length(10), Constraint::Length(9), Constraint::Fill(1)];
    let [_, _, bar] = Layout::horizontal(widths).spacing(1).areas(area);
    let rows = model.steps.iter().map(|(step, count)| {
        let color = if step == "failed" { Color::Red } else { Color::Cyan };
        let bar = if bar.width < LEAST_BAR { 0 } else { length(*count, most, bar.width) };
        let bar = Line::styled("█".repeat(bar), Style::new().fg(color));
        Row::new(vec![Line::from(step.clone()), number(*count), bar])
    });
    frame.render_widget(Table::new(rows, widths).column_spacing(1), area);
}

fn foot_line(model: &Model, width: u16) -> Line<'static> {
    let (told, style) = match &model.connection {
        Connection::Live => (format!("as of {}", model.numbers_at), DIM),
        Connection::Lost { why, left } => {
            let text = format!("connection lost, again in {} s ({why})", left.as_secs());
            (text, Style::new().fg(Color::Red).add_modifier(Modifier::BOLD))
        }
    };
    let leave = "q leaves";
    let room = usize::from(width).saturating_sub(leave.len() + 2);
    let told = cut(&told, room);
    let fill = room.saturating_sub(Span::raw(told.as_str()).width()) + 2;
    Line::from(vec![Span::styled(told, style), Span::raw(" ".repeat(fill)), Span::styled(leave, DIM)])
}

/// The text, or as much of it as fits and an ellipsis.
fn cut(text: &str, room: usize) -> String {
    if Span::raw(text).width() <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if Span::raw(format!("{kept}{letter}…")).width() > room {
            break;
        }
        kept.push(letter);
    }
    if room > 0 { kept + "…" } else { String::new() }
}
