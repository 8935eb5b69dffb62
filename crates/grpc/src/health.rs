//! Health (`grpc.health.v1`), per service: what each service needs of the database is in one table. The whole server, which is
//! the service without a name, serves while it is ready.

use tidegate_service::{Readiness, Unready};
use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

use Needs::{Reads, Writes};

/// What a service needs of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// It is served from the cache and by reads, also while nothing can be written.
    Reads,
    Writes,
}

/// Services that mostly read are not among those that only need reads: callers ask for the health of a service, not of a
/// method, and one that refuses half of its methods is better left alone.
const NEEDS: [(&str, Needs); 15] = [
    ("tidegate.v1.AccessService", Writes),
    ("tidegate.v1.AccountService", Writes),
    // Reads of the log write who read it.
    ("tidegate.v1.AuditService", Writes),
    ("tidegate.v1.ChallengeService", Writes),
    ("tidegate.v1.CustomerService", Writes),
    ("tidegate.v1.DeliveryService", Reads),
    ("tidegate.v1.EnrollmentService", Writes),
    ("tidegate.v1.EvaluationService", Reads),
    ("tidegate.v1.ProductService", Writes),
    ("tidegate.v1.PushService", Writes),
    ("tidegate.v1.RealmService", Writes),
    ("tidegate.v1.RolloutService", Writes),
    ("tidegate.v1.SessionService", Writes),
    ("tidegate.v1.SignInService", Writes),
    ("tidegate.v1.SystemService", Writes),
];

/// The whole server.
const SERVER: &str = "";

/// Says the health of each service, and says it again whenever it changes. Ends only when its app does.
pub(crate) async fn report(reporter: &HealthReporter, mut readiness: watch::Receiver<Readiness>) {
    let mut said = None;
    loop {
        let unready = readiness.borrow_and_update().unready;
        if said != Some(unready) {
            for (service, needs) in NEEDS {
                reporter.set_service_status(service, status(serves(unready, needs))).await;
            }
            reporter.set_service_status(SERVER, status(unready.is_none())).await;
            said = Some(unready);
        }
        if readiness.changed().await.is_err() {
            return;
        }
    }
}

/// The server stops: no service is to be called.
pub(crate) async fn leave(reporter: &HealthReporter) {
    for service in NEEDS.iter().map(|(service, _)| *service).chain([SERVER]) {
        reporter.set_service_status(service, ServingStatus::NotServing).await;
    }
}

fn serves(unready: Option<Unready>, needs: Needs) -> bool {
    unready.is_none_or(|unready| needs == Reads && unready.still_reads())
}

const fn status(serves: bool) -> ServingStatus {
    if serves { ServingStatus::Serving } else { ServingStatus::NotServing }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_service_has_a_health() {
        let named: BTreeSet<_> = NEEDS.iter().map(|(service, _)| *service).collect();
        assert_eq!(named, tidegate_proto::SERVICES.iter().copied().collect());
    }

    #[test]
    fn what_only_reads_goes_on_while_nothing_can_be_written() {
        assert!(serves(None, Reads) && serves(None, Writes));
        for unready in [Unready::Full, Unready::Disk, Unready::ReadOnly] {
            assert!(serves(Some(unready), Reads) && !serves(Some(unready), Writes), "{unready:?}");
        }
        for unready in [Unready::Unreachable, Unready::Foreign, Unready::Corrupt, Unready::NewerDocument] {
            assert!(!serves(Some(unready), Reads), "{unready:?}");
        }
    }
}
