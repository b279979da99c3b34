//! The result of a run.

use super::tally::{Handshakes, Kind};
use crate::base::error::Error;
use crate::base::units;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    pub end: End,
    /// Threads that put the load on.
    pub threads: usize,
    /// A latency may be too long by this, and never too short.
    pub resolution: Duration,
    /// The time that was measured.
    pub elapsed: Duration,
    /// Operations that ended within it.
    pub operations: u64,
    /// Operations of slow readers.
    pub slow_operations: u64,
    /// Operations at a fixed rate that were begun within it. A publication is one, wherever it comes.
    pub paced_operations: u64,
    /// Those of them that this program began late, although a connection was free.
    pub late_operations: u64,
    /// Latencies in nanoseconds.
    pub latencies: Histogram<u64>,
    pub errors: BTreeMap<Kind, u64>,
    /// TLS handshakes that ended within the measured time.
    pub handshakes: Handshakes,
    /// Connections that were up when opening them was over, the publisher's too.
    pub opened: usize,
    /// How long it took until all were up. `None`: they never were, or opening them is what was measured.
    pub opened_in: Option<Duration>,
    /// Bytes that the client has read and written.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// The client's use of a processor core. `None`: it was over before that could be read.
    pub client_cpu: Option<Duration>,
    /// The share of a core that the busiest of its threads used.
    pub busiest: f64,
    /// How often its threads looked at what had come.
    pub turns: u64,
    /// What all processes used.
    pub all_cpu: Option<Duration>,
    pub server: Option<ServerUse>,
    /// What went before the measured time, at times below zero.
    pub warm_up: Vec<Sample>,
    pub samples: Vec<Sample>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    /// The user has interrupted it.
    Interrupted,
    /// The server gave wrong answers from the start.
    Failed(Kind),
}

/// What the server used of the machine.
#[derive(Clone, Copy, Debug)]
pub struct ServerUse {
    pub pid: u32,
    /// Within the measured time. `None`: it was over before that could be read.
    pub cpu: Option<Duration>,
    /// Before the first connection.
    pub memory_before: u64,
    /// The most that was seen.
    pub memory_max: u64,
    /// At the end, with all connections.
    pub memory_end: u64,
    /// The part of it that is the process's own, counted exactly, if the system tells.
    pub own_memory_end: Option<u64>,
}

/// What was seen in one interval of the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// The end of the interval, from the beginning of the measured time on, in seconds.
    pub at: f64,
    /// Operations a second.
    pub rate: f64,
    /// Latencies in nanoseconds, if an operation ended in it.
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    /// Errors so far.
    pub errors: u64,
    /// Shares of a core.
    pub client_cpu: f64,
    pub server_cpu: f64,
    /// The server's memory in bytes.
    pub memory: u64,
}

impl Sample {
    /// What is shown while it runs.
    pub fn describe(&self) -> String {
        let time = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), |ns| units::time(ns as f64));
        let mut text = format!(
            "{}/s, p50 {}, p99 {}, errors {}",
            units::rate(self.rate),
            time(self.p50),
            time(self.p99),
            units::count(self.errors as f64),
        );
        if self.memory > 0 {
            text.push_str(", server ");
            text.push_str(&units::bytes(self.memory as f64));
        }
        text
    }
}

impl Outcome {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// The share of a core that the client used.
    pub fn client_share(&self) -> Option<f64> {
        Some(self.client_cpu?.as_secs_f64() / self.elapsed.as_secs_f64())
    }

    /// True if a faster client might have found a faster server.
    pub fn is_client_bound(&self) -> bool {
        self.busiest > CLIENT_SHARE_MAX
    }

    /// Why latencies say more about this program than about the server, if they do.
    pub fn latency_doubt(&self) -> Option<String> {
        let late = self.late_operations as f64 / self.paced_operations.max(1) as f64;
        if self.is_client_bound() {
            Some("the load generator used a whole core, so it noticed answers late".into())
        } else if late > LATE_SHARE_MAX {
            Some(format!("the load generator sent {:.0} % of the operations over 1 ms late", late * 100.0))
        } else {
            None
        }
    }

    /// The outcome of a run that came to its end.
    ///
    /// # Errors
    /// The server did not answer as it should.
    pub fn complete(self) -> Result<Self, Error> {
        match self.end {
            End::Failed(why) => Err(Error::Refused(why.into_owned())),
            End::Complete | End::Interrupted => Ok(self),
        }
    }

    /// The processor time of this program for one operation, in nanoseconds.
    pub fn client_ns_per_operation(&self) -> Option<f64> {
        let all = self.operations + self.slow_operations;
        let client = self.client_cpu.filter(|_| all > 0)?;
        Some(client.as_secs_f64() * 1e9 / all as f64)
    }

    /// The share of a core that the server used.
    pub fn server_share(&self) -> Option<f64> {
        Some(self.server?.cpu?.as_secs_f64() / self.elapsed.as_secs_f64())
    }

    /// The share of a core that neither the client nor the server used, but somebody else.
    pub fn others_share(&self) -> Option<f64> {
        let others = self.all_cpu?.saturating_sub(self.client_cpu?).saturating_sub(self.server?.cpu?);
        Some(others.as_secs_f64() / self.elapsed.as_secs_f64())
    }

    /// The server's processor time for one operation, in nanoseconds, if it used so much that the system's clock ticks
    /// tell.
    pub fn server_ns_per_operation(&self) -> Option<f64> {
        let all = self.operations + self.slow_operations;
        let server = self.server?.cpu.filter(|cpu| all > 0 && *cpu >= CPU_MIN)?;
        Some(server.as_secs_f64() * 1e9 / all as f64)
    }

    /// The growth of the server's memory for each connection, in bytes, if all were up.
    pub fn memory_per_connection(&self, connections: usize) -> Option<f64> {
        let server = self.server.filter(|_| self.opened_in.is_some())?;
        Some(server.memory_end.saturating_sub(server.memory_before) as f64 / connections as f64)
    }

    /// A latency that the given share of all operations stays within, in nanoseconds.
    pub fn quantile(&self, quantile: f64) -> f64 {
        if self.latencies.is_empty() { 0.0 } else { self.latencies.value_at_quantile(quantile) as f64 }
    }

    /// Errors of all kinds.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// Five ticks of Linux's processor time; less is too inexact.
const CPU_MIN: Duration = Duration::from_millis(50);
/// If more operations than this share are late, the latencies are invalid.
const LATE_SHARE_MAX: f64 = 0.01;
/// Above this share of a core a thread counts as fully used.
const CLIENT_SHARE_MAX: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::super::tally::new_histogram;
    use super::*;

    fn outcome(busiest: f64, late_operations: u64) -> Outcome {
        Outcome {
            end: End::Complete,
            threads: 1,
            resolution: Duration::ZERO,
            elapsed: Duration::from_secs(1),
            operations: 10_000,
            slow_operations: 0,
            paced_operations: 10_000,
            late_operations,
            latencies: new_histogram(),
            errors: BTreeMap::new(),
            handshakes: Handshakes::new(),
            opened: 1,
            opened_in: Some(Duration::ZERO),
            bytes_in: 0,
            bytes_out: 0,
            client_cpu: Some(Duration::ZERO),
            busiest,
            turns: 0,
            all_cpu: None,
            server: None,
            warm_up: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// The fault: the latencies of an interval in which nothing ended were said to be zero.
    #[test]
    fn i494_without_operations_there_is_no_latency_to_show() {
        let sample = Sample { p50: Some(1500), ..Sample::default() };
        assert_eq!(sample.describe(), "0/s, p50 1.50 µs, p99 -, errors 0");
    }

    #[test]
    fn latencies_of_a_full_generator_are_doubted() {
        for (busiest, late, is_bound, doubt) in [
            (0.0, 0, false, ""),
            (0.94, 0, false, ""),
            (0.95, 0, false, ""),
            (0.96, 0, true, "used a whole core"),
            (0.94, 100, false, ""),
            (0.94, 101, false, "sent 1 % of the operations over 1 ms late"),
            (0.94, 2600, false, "sent 26 % of the operations over 1 ms late"),
            (0.96, 2600, true, "used a whole core"),
        ] {
            let outcome = outcome(busiest, late);
            assert_eq!(outcome.is_client_bound(), is_bound, "{busiest} {late}");
            let told = outcome.latency_doubt().unwrap_or_default();
            assert!(told.contains(doubt) && told.is_empty() == doubt.is_empty(), "{busiest} {late}: {told}");
        }
        let nothing = Outcome { operations: 0, paced_operations: 0, ..outcome(0.0, 0) };
        assert_eq!(nothing.latency_doubt(), None);
    }

    /// The fault: what the server needed for some connections was divided by the number of all that were wanted.
    #[test]
    fn memory_is_shared_out_only_if_all_connections_were_up() {
        for (opened_in, each) in [(Some(Duration::ZERO), Some(50.0)), (None, None)] {
            let server = ServerUse {
                pid: 1,
                cpu: Some(Duration::ZERO),
                memory_before: 1000,
                memory_max: 2000,
                memory_end: 2000,
                own_memory_end: None,
            };
            let outcome = Outcome { opened_in, server: Some(server), ..outcome(0.0, 0) };
            assert_eq!(outcome.memory_per_connection(20), each);
        }
    }

    /// The fault: the share was one of the deliveries, and a publication has as many of them as there are connections. Of
    /// operations that fail there was more than the whole.
    #[test]
    fn the_share_of_late_operations_is_one_of_those_that_were_begun() {
        for (operations, late, share) in [
            (1_000_000, 100, None),
            (1_000_000, 101, Some(" 1 %")),
            (1_000_000, 10_000, Some(" 100 %")),
            (0, 10_000, Some(" 100 %")),
        ] {
            let outcome = Outcome { operations, ..outcome(0.0, late) };
            let wanted =
                share.map(|share| format!("the load generator sent{share} of the operations over 1 ms late"));
            assert_eq!(outcome.latency_doubt(), wanted, "{operations} {late}");
        }
    }
}
