//! What the campaign found, for people.

use std::{collections::BTreeMap, time::Duration};

use super::{fault::Fault, ledger::SignInTotals, traffic::Traffic};
use crate::folder::Engine;

/// How long each fault was felt.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<Fault, Vec<Duration>>);

impl Figures {
    #[expect(clippy::print_stdout, reason = "a report of progress")]
    pub fn felt(&mut self, fault: Fault, felt: Duration) {
        println!("{fault:?}: felt for {} ms", felt.as_millis());
        self.0.entry(fault).or_default().push(felt);
    }

    #[expect(clippy::print_stdout, reason = "a report")]
    pub fn print(mut self, engine: Engine, traffic: &Traffic, told: &SignInTotals) {
        let counts = traffic.counts();
        let (answered, unanswered) = (counts.all_answered(), counts.unanswered);
        println!("{engine:?}: {answered} calls were answered; {unanswered} attempts were made again");
        println!("{told}");
        println!("{:16} {:>5} {:>12} {:>12}", "fault", "times", "median ms", "longest ms");
        for (fault, times) in &mut self.0 {
            times.sort();
            let (median, longest) = (times[times.len() / 2].as_millis(), times[times.len() - 1].as_millis());
            println!("{:16} {:>5} {median:>12} {longest:>12}", format!("{fault:?}"), times.len());
        }
    }
}
