//! The effect of an attack on the normal client, and on its latency that of other processes.

use super::goal::{Figure, Sheet, Unit, growth};
use super::normal::Lap;
use super::victim::Victim;
use crate::base::units;
use std::time::Instant;

/// If other processes use more of a core than this, a 99th percentile shows their effect.
const OTHERS_MAX: f64 = 0.2;

/// The effect on the normal client.
pub(crate) fn judge_normal(before: &Lap, during: &Lap, others: &Figure, sheet: &mut Sheet) {
    let (figure, note) = match (before.p99(), during.p99()) {
        (Some(before), Some(during)) => compare(before, during, others),
        (None, _) => (Err("no answer came before it".into()), String::new()),
        (_, None) => (Err("no answer came during it".into()), String::new()),
    };
    sheet.figure("the normal client's p99 against before", Unit::Times, figure).note(note);
    judge_failures(during, sheet);
}

/// How many times as long it takes, and both times in words.
fn compare(before: f64, during: f64, others: &Figure) -> (Figure, String) {
    let [then, now] = [before, during].map(|seconds| units::time(seconds * 1e9));
    let figure = match others {
        Ok(share) if *share > OTHERS_MAX => Err(format!(
            "other processes used {:.0} % of a core, so {then} before and {now} during it say nothing",
            share * 100.0
        )),
        _ => Ok(during / before),
    };
    (figure, format!("{then} and {now}"))
}

/// Whether all requests of the normal client were answered. If it made none, nothing is known of that.
pub(crate) fn judge_failures(during: &Lap, sheet: &mut Sheet) {
    let figure = if during.asked() == 0 {
        Err("it ended before the normal client had an answer".into())
    } else {
        Ok(during.failures as f64)
    };
    sheet.at_most("failures of the normal client", 0.0, Unit::Count, figure).note(during.describe());
}

/// The processor time of other processes, since the beginning.
#[derive(Debug)]
pub(crate) struct Others {
    begin: Instant,
    used: Figure,
}

impl Others {
    pub(crate) fn new(victim: &Victim) -> Self {
        Self { begin: Instant::now(), used: victim.cpu_of_others() }
    }

    /// The share of a core.
    pub(crate) fn share(&self, victim: &Victim) -> Figure {
        let used = growth(&self.used, &victim.cpu_of_others());
        used.map(|seconds| seconds / self.begin.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::super::goal::Verdict;
    use super::*;

    /// The fault: of no answers the latency was 0, so during the attack it was 0.00 times as long as before.
    #[test]
    fn i464_without_an_answer_nothing_is_known_of_latencies() {
        let lap = |latencies: &[u64]| {
            let mut lap = Lap::new();
            latencies.iter().for_each(|latency| lap.latencies += *latency);
            lap
        };
        let calm: Figure = Ok(0.0);
        for (before, during, figure, note) in [
            (&[1000][..], &[3000][..], Ok("3.00 times"), "1.00 µs and 3.00 µs"),
            (&[1000], &[], Err("no answer came during it"), ""),
            (&[], &[1000], Err("no answer came before it"), ""),
        ] {
            let mut sheet = Sheet::new("a");
            judge_normal(&lap(before), &lap(during), &calm, &mut sheet);
            let row = &sheet.rows[0];
            let found = row.figure.clone().map(|figure| row.unit.show(figure));
            assert_eq!(
                (found, row.detail.as_str()),
                (figure.map(str::to_owned).map_err(str::to_owned), note)
            );
        }
    }

    #[test]
    fn without_a_request_nothing_is_known_of_failures() {
        let verdict = |lap: &Lap| {
            let mut sheet = Sheet::new("a");
            judge_failures(lap, &mut sheet);
            sheet.rows[0].verdict()
        };
        let mut lap = Lap::new();
        assert_eq!(verdict(&lap), Verdict::Gap);
        lap.latencies += 1;
        assert_eq!(verdict(&lap), Verdict::Met);
        lap.failures = 1;
        assert_eq!(verdict(&lap), Verdict::Missed);
    }
}
