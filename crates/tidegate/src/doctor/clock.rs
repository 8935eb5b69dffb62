//! This machine's clock against the clock that decides: the database server's, or with SQLite the time that was stored.
//!
//! Whether the kernel calls its clock synchronised is not asked: no library of the program knows the call (`adjtimex`).

use std::time::Instant;

use tidegate_core::{Span, Timestamp};
use tidegate_store::{Error, Inspection};

use super::{
    database::{Opened, failed, installed, not_opened},
    finding::{Check, Finding, Level},
};
use crate::ambient::AuthorityClock;

const CHECK: Check = Check::Clock;
/// More than this is a warning.
const NOTICEABLE: Span = Span::seconds(1);
/// More than this, a time step of TOTP, is an error.
const STEP: Span = Span::seconds(30);
/// How often the server's clock is read; the read with the shortest round trip counts.
const READS: usize = 3;

pub(super) async fn look(opened: Opened) -> Vec<Finding> {
    let inspection = match opened {
        Opened::Yes(inspection) => inspection,
        Opened::NotYet => return vec![CHECK.ok("nothing to compare with: there is no database yet")],
        Opened::No => return vec![not_opened(CHECK)],
    };
    compare(&inspection).await.unwrap_or_else(|error| vec![failed(CHECK, &error)])
}

async fn compare(inspection: &Inspection) -> Result<Vec<Finding>, Error> {
    let Some(mut best) = read(inspection).await? else { return Ok(vec![of_file(inspection).await?]) };
    for _ in 1..READS {
        if let Some(reading) = read(inspection).await?.filter(|reading| reading.half < best.half) {
            best = reading;
        }
    }
    let ahead = ahead_of_server(inspection, best.server).await?;
    Ok([of_server(best)].into_iter().chain(ahead).collect())
}

/// The stored time lies ahead of the server's clock: one of the two was wrong.
async fn ahead_of_server(inspection: &Inspection, server: Timestamp) -> Result<Option<Finding>, Error> {
    let Some(installation) = installed(inspection).await? else { return Ok(None) };
    let floor = installation.clock_floor;
    Ok(level(floor.since(server)).map(|level| {
        CHECK.found(
            level,
            format!(
                "the database server's clock shows {server}, and the database was in use at {floor}: the clock was set back, \
                 or was ahead then. Servers go on from the later time, and refuse the codes of authenticator apps if that is \
                 the wrong one"
            ),
            "set the server's clock, or, if it was ahead then, stop all servers and run `tidegate forget-clock`",
        )
    }))
}

/// Both clocks at about the same moment: the server read its own about halfway.
struct Reading {
    host: Timestamp,
    server: Timestamp,
    /// Half of the round trip: how far the two moments may be apart.
    half: Span,
}

async fn read(inspection: &Inspection) -> Result<Option<Reading>, Error> {
    let (host, asked) = (AuthorityClock::host(), Instant::now());
    let Some(server) = inspection.clock().await? else { return Ok(None) };
    let half = Span::from_micros(i64::try_from(asked.elapsed().as_micros() / 2).unwrap_or(i64::MAX));
    Ok(Some(Reading { host: host.plus(half), server, half }))
}

fn of_server(Reading { host, server, half }: Reading) -> Finding {
    let (apart, which) =
        if host < server { (server.since(host), "behind") } else { (host.since(server), "ahead of") };
    let certain = apart.minus(half);
    let apart = seconds(apart);
    let Some(level) = level(certain) else {
        return CHECK.ok(format!("this machine's clock and the database server's differ by {apart}"));
    };
    CHECK.found(
        level,
        format!(
            "this machine's clock is {apart} {which} the database server's, which decides about codes, sessions and links. One \
             of them is wrong: a wrong server refuses the codes of authenticator apps, a wrong machine takes certificates and \
             push tokens for expired"
        ),
        "compare both with a time server (`chronyc tracking` or `timedatectl`), and correct the wrong one",
    )
}

/// The stored time must not lie ahead of the machine's clock: it was shown once.
async fn of_file(inspection: &Inspection) -> Result<Finding, Error> {
    let Some(installation) = installed(inspection).await? else {
        return Ok(CHECK.ok("nothing to compare with: the database is not initialised"));
    };
    let (host, floor) = (AuthorityClock::host(), installation.clock_floor);
    let Some(level) = level(floor.since(host)) else {
        return Ok(
            CHECK.ok(format!("this machine's clock shows {host}; the database was used until {floor}"))
        );
    };
    Ok(CHECK.found(
        level,
        format!(
            "this machine's clock shows {host}, and the database was in use at {floor}: the clock was set back, or was ahead \
             then. `serve` does not start with a clock that is a minute behind"
        ),
        "set the clock, or, if the database was used with a wrong one, run `tidegate forget-clock`",
    ))
}

fn level(apart: Span) -> Option<Level> {
    match apart {
        apart if apart > STEP => Some(Level::Error),
        apart if apart > NOTICEABLE => Some(Level::Warning),
        _ => None,
    }
}

/// To the millisecond, and from a second on to the tenth.
fn seconds(span: Span) -> String {
    let micros = span.micros();
    let (whole, millis) = (micros / 1_000_000, micros / 1_000 % 1_000);
    if whole == 0 { format!("{millis} ms") } else { format!("{whole}.{} s", millis / 100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_as_far_as_it_is_certain() {
        let now = Timestamp::from_unix_micros(1_772_409_600_000_000);
        let look = |apart: Span, half| of_server(Reading { host: now.plus(apart), server: now, half }).level;
        assert_eq!(look(Span::millis(900), Span::ZERO), Level::Ok);
        assert_eq!(look(Span::millis(1_100), Span::ZERO), Level::Warning);
        assert_eq!(look(Span::millis(1_100), Span::millis(200)), Level::Ok, "a slow network");
        assert_eq!(look(Span::seconds(30), Span::ZERO), Level::Warning);
        assert_eq!(look(Span::seconds(31), Span::ZERO), Level::Error);
        let behind = Reading { host: now, server: now.plus(Span::millis(75_250)), half: Span::ZERO };
        let behind = of_server(behind);
        assert!(
            behind.what.starts_with("this machine's clock is 75.2 s behind the database server's"),
            "{behind:?}"
        );
    }
}
