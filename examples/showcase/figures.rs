//! The figures of the charts: taken twice a second on one reactor, kept for a minute, and published to a topic with a
//! history.

use jackfield::{Event, History, Metrics, Reactor, Time};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

/// The topic of all event streams: the figures and the chat.
pub(crate) const FEED: &str = "feed";
/// How often figures are taken.
pub(crate) const TICK: Duration = Duration::from_millis(500);
/// Each figure is over one second.
const TICKS: usize = 2;
/// The number of figures with which a new page begins: those of a minute.
const PAST: usize = 120;

/// The history for streams that come back: five minutes, or 1,000 events of figures and chat together.
pub(crate) fn history() -> History {
    History::new(1000).max_bytes(1 << 20).max_age(Duration::from_secs(300))
}

/// The figures of the last minute, as JSON.
#[derive(Default)]
pub(crate) struct Past(Mutex<VecDeque<String>>);

impl Past {
    /// All of them, as one array.
    pub(crate) fn all(&self) -> String {
        let past = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        format!("[{}]", past.iter().map(String::as_str).collect::<Vec<&str>>().join(","))
    }

    fn add(&self, figures: String) {
        let mut past = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        past.push_back(figures);
        if past.len() > PAST {
            past.pop_front();
        }
    }
}

/// The counters of a second ago, half a second ago, and so on.
#[derive(Default)]
pub(crate) struct Recorder(VecDeque<(Time, Metrics)>);

impl Recorder {
    /// Takes figures, keeps them and publishes them.
    pub(crate) fn tick(&mut self, reactor: &mut Reactor<'_>, past: &Past, node: &str) {
        let (now, metrics) = (reactor.now(), reactor.handle().metrics());
        let connections = reactor.handle().count();
        if let Some((at, before)) = self.0.front() {
            let json = json(node, connections, now.0.saturating_sub(at.0).max(1), now, before, &metrics);
            past.add(json.clone());
            reactor.publish(FEED, Event::data(&json).event("figures"));
        }
        self.0.push_back((now, metrics));
        if self.0.len() > TICKS {
            self.0.pop_front();
        }
    }
}

fn json(
    node: &str,
    connections: usize,
    elapsed_ms: u64,
    now: Time,
    before: &Metrics,
    metrics: &Metrics,
) -> String {
    let rate = |of: fn(&Metrics) -> u64| of(metrics).saturating_sub(of(before)) * 1000 / elapsed_ms;
    let turn = |share| within(before, metrics, share).map_or("null".into(), |ms: f64| ms.to_string());
    format!(
        r#"{{"node":"{node}","at":{},"connections":{connections},"messages":{},"bytes":{},"p50":{},"p99":{}}}"#,
        now.0,
        rate(|metrics| metrics.messages_in + metrics.messages_out),
        rate(|metrics| metrics.bytes_in + metrics.bytes_out),
        turn(0.5),
        turn(0.99),
    )
}

/// The time in milliseconds within which this share of the timed turns stayed: the upper bound of a class of the
/// histogram. `None` if no turn was timed.
fn within(before: &Metrics, now: &Metrics, share: f64) -> Option<f64> {
    let classes = now.turn_times().zip(before.turn_times());
    let classes: Vec<(Option<Duration>, u64)> =
        classes.map(|((bound, now), (_, before))| (bound, now.saturating_sub(before))).collect();
    let all = classes.last()?.1;
    let wanted = (all as f64 * share).ceil() as u64;
    let (bound, _) = classes.into_iter().find(|(_, turns)| all > 0 && *turns >= wanted)?;
    let longest = Duration::from_nanos(now.turn_ns_max);
    Some(bound.unwrap_or(longest).as_secs_f64() * 1000.0)
}
