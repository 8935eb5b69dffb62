//! The screen: taken at the beginning, and given back at every end: a key, a signal, an error or a panic.

use std::{
    io::Error,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use tidegate_proto as proto;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    draw::draw,
    follow::{Follower, Update},
    model::{Connection, Model},
};
use crate::{
    interrupts::{Interrupt, Interrupts},
    output::plain,
};

/// Between two looks for keys.
const KEY_INTERVAL: Duration = Duration::from_millis(100);
/// Between two drawings while nothing happens: the time until the next try counts down.
const REDRAW: Duration = Duration::from_secs(1);

/// Gives the screen back when it is dropped. `ratatui` also installs a panic hook that does.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> anyhow::Result<Self> {
        ratatui::try_init().map(Self).context("failed to take the terminal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to be told of a terminal that is gone.
        let _ = ratatui::try_restore();
    }
}

/// What is shown.
struct WatchedRollout {
    key: String,
    snapshot: Option<Box<proto::WatchRolloutResponse>>,
    /// Why the connection is lost, and when it is tried again.
    lost: Option<(String, Instant)>,
}

pub async fn show(mut follower: Follower, key: &str, first: Update) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let mut shown = WatchedRollout { key: plain(key), snapshot: None, lost: None };
    shown.take(first);
    let mut screen = Screen::take()?;
    let mut events = read_events();
    let mut redraw = interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let model = shown.model();
        screen.0.draw(|frame| draw(frame, &model)).context("failed to draw")?;
        tokio::select! {
            update = follower.next() => shown.take(update?),
            event = events.recv() => match event {
                Some(Ok(Event::Key(key))) if leaves(&key) => return Ok(ExitCode::SUCCESS),
                Some(Ok(Event::Key(key))) if interrupts_us(&key) => return Ok(Interrupt::Sigint.exit_code()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("failed to read the keyboard"),
                None => return Ok(ExitCode::SUCCESS),
            },
            interrupt = interrupts.next() => return Ok(interrupt.exit_code()),
            _ = redraw.tick() => {}
        }
    }
}

impl WatchedRollout {
    fn take(&mut self, update: Update) {
        match update {
            Update::Snapshot(snapshot) => (self.snapshot, self.lost) = (Some(snapshot), None),
            Update::Lost { why, wait } => self.lost = Some((plain(&why), Instant::now() + wait)),
        }
    }

    fn model(&self) -> Model {
        let connection = match &self.lost {
            None => Connection::Live,
            Some((why, at)) => {
                Connection::Lost { why: why.clone(), left: at.saturating_duration_since(Instant::now()) }
            }
        };
        let none = proto::WatchRolloutResponse::default();
        Model::of(&self.key, self.snapshot.as_deref().unwrap_or(&none), connection)
    }
}

/// Reads keys and changes of the size in a thread of its own, because reading blocks. It ends with the receiver.
fn read_events() -> mpsc::Receiver<Result<Event, Error>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let read = match event::poll(KEY_INTERVAL) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

fn leaves(key: &KeyEvent) -> bool {
    let is_plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    let leaves = matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc);
    key.kind == KeyEventKind::Press && is_plain && leaves
}

/// Ctrl-C, which is a key while the terminal sends every key to the program.
fn interrupts_us(key: &KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c')
}
