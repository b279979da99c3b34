//! The examples that publish: what slow clients, clients that come back, and clients that move get of it.

use crate::common::Steady;
use crate::http::Http;
use crate::process::{self, Example};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// An event stream, read by lines.
struct Events(Http<Steady>);

#[derive(Debug, Default)]
struct Event {
    name: String,
    data: String,
    id: String,
}

impl Events {
    fn open(addr: SocketAddr, target: &str) -> Self {
        let mut http = Http::connect(addr);
        http.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = http.head();
        assert_eq!(head.field("Content-Type"), Some("text/event-stream; charset=utf-8"), "{target}");
        Self(http)
    }

    /// The next event that has data.
    #[track_caller]
    fn next(&mut self) -> Event {
        let mut event = Event::default();
        loop {
            let line = self.0.line();
            match line.split_once(": ").unwrap_or((&line, "")) {
                ("data", data) => event.data = data.into(),
                ("event", name) => event.name = name.into(),
                ("id", id) => event.id = id.into(),
                ("", "") if !event.data.is_empty() => return event,
                _ => {}
            }
        }
    }

    #[track_caller]
    fn next_json(&mut self) -> Value {
        serde_json::from_str(&self.next().data).unwrap()
    }
}

/// What waits for a client that reads nothing is bounded, and when it reads it soon has the newest price of each share.
#[test]
fn ticker_keeps_the_newest_for_a_slow_reader() {
    let (_example, addr) = Example::start("ticker", &[]);
    let (mut backlog, mut slow) = (Events::open(addr, "/backlog"), Events::open(addr, "/prices?test"));
    let is_over = AtomicBool::new(false);
    let newest = thread::scope(|scope| {
        let fast = scope.spawn(|| {
            let mut fast = Events::open(addr, "/prices");
            let mut newest = 0;
            while !is_over.load(Ordering::Relaxed) {
                newest = fast.next_json()["at"].as_u64().unwrap();
            }
            newest
        });
        // So many that it must have been among them, however slow the machine is.
        let mut gauges = (0..10_000).map(|_| backlog.next_json()).filter(|gauge| gauge["name"] == "test");
        let is_last = |gauge: &Value| {
            gauge["waits"].as_u64() >= Some(256 << 10) || gauge["replaced"].as_u64() > Some(1000)
        };
        let last = gauges.find(is_last);
        is_over.store(true, Ordering::Relaxed);
        let last = last.expect("prices are replaced");
        assert!(last["waits"].as_u64() < Some(256 << 10), "{last}");
        fast.join().unwrap()
    });
    let mut prices: BTreeMap<u64, u64> = BTreeMap::new();
    while prices.len() < 20 || prices.values().any(|at| *at < newest) {
        let price = slow.next_json();
        let at = price["at"].as_u64().unwrap();
        let before = prices.insert(price["share"].as_u64().unwrap(), at).unwrap_or(0);
        assert!(at >= before, "{price} after {before}");
    }
}

fn offset(event: &Event) -> u64 {
    event.id.rsplit_once('.').unwrap().1.parse().unwrap()
}

#[test]
fn dashboard_resumes_and_shows_the_gap_after_a_restart() {
    let (example, addr) = Example::start("dashboard", &[]);
    let mut events = Events::open(addr, "/samples");
    let first = [events.next(), events.next()];
    assert_eq!(offset(&first[1]), offset(&first[0]) + 1);
    drop(events);
    // Others see what it misses.
    let mut witness = Events::open(addr, "/samples");
    while offset(&witness.next()) < offset(&first[1]) + 3 {}
    let mut events = Events::open(addr, &format!("/samples?lastEventId={}", first[1].id));
    assert_eq!(events.next().name, "back");
    for missed in 1..=4 {
        assert_eq!(offset(&events.next()), offset(&first[1]) + missed);
    }
    example.terminate();
    let (_example, addr) = Example::start("dashboard", &[]);
    let mut events = Events::open(addr, &format!("/samples?lastEventId={}", first[1].id));
    assert_eq!(events.next().name, "back");
    let gap = events.next();
    assert_eq!((&*gap.name, &*gap.data), ("resync", r#"{"missed":null}"#));
    let next = events.next();
    assert_eq!((&*next.name, offset(&next)), ("", offset(&gap) + 1));
}

/// A client that moves after every third event.
#[test]
fn cluster_gives_a_moving_reader_everything_once() {
    if !process::has_redis() {
        return;
    }
    let mut example = Example::spawn("cluster", ["--listen", "127.0.0.1:0", "--second", "127.0.0.1:0"]);
    let addrs = [example.addr(), example.addr()];
    let ports = Http::connect(addrs[0]).get("/ports");
    ports.is(200, "application/json", &format!("[{},{}]", addrs[0].port(), addrs[1].port()));
    // Until a server has reached the Redis, its readers get its own news only.
    let mut events = Events::open(addrs[1], "/news");
    while !events.next().data.starts_with('A') {}
    // The first server knows about the reader at the second.
    let knows_of_it = |_| {
        thread::sleep(Duration::from_millis(20));
        Http::connect(addrs[0]).get("/readers").body == b"1"
    };
    assert!((0..1000).any(knows_of_it));
    let mut last = BTreeMap::new();
    let mut target = format!("/news?lastEventId={}", events.next().id);
    for stay in 0..20 {
        let mut events = Events::open(addrs[stay % 2], &target);
        for _ in 0..3 {
            let event = events.next();
            assert_eq!(event.name, "", "{event:?} at {target}, stay {stay}, after {last:?}");
            let (publisher, number) = event.data.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            let before = last.insert(publisher.to_owned(), number);
            assert!(before.is_none_or(|before| before + 1 == number), "{event:?} after {before:?}");
            target = format!("/news?lastEventId={}", event.id);
        }
    }
    assert_eq!(last.keys().collect::<Vec<_>>(), ["A", "B"]);
    example.terminate();
    assert!(example.line().starts_with("open http://"));
    assert!(example.wait().success());
}
