//! What is published is delivered late, or not at all.

use crate::odd;
use crate::tool::{Run, bench};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Later than its post is answered, and than it comes back to who has published it.
const LATE: Duration = Duration::from_millis(500);
/// The name of a delivery that is missing in the end.
const MISSING: &str = "a delivery that did not come";
/// Twenty publications in a second, and two connections on which each comes.
const LOAD: [&str; 6] = ["--rate", "20", "-c", "2", "-d", "1s"];
/// All deliveries of the measured time. Where the machine lets the load begin late, there are fewer.
const ALL: u64 = 40;

fn sse(addr: &str, more: &[&str]) -> Run {
    bench(&[&["sse", addr, "--publish-path", "/post"], &LOAD[..], more].concat())
}

/// How many deliveries have a latency, and how many are missing. None, if there are other errors, as on a busy machine.
fn counts(run: &Run) -> Option<(u64, u64)> {
    let result = run.result();
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let (came, missing) =
        (count(&result["latency_ns"]["count"]), count(&result["errors"]["by_kind"][MISSING]));
    assert!(came + missing <= ALL + 2, "{came} and {missing}");
    (count(&result["errors"]["total"]) == missing).then_some((came, missing))
}

/// The fault: the wait at the end was over when all posts were answered, or each message had come back.
#[test]
fn i460_deliveries_that_come_after_the_end_have_a_latency() {
    let streams = || {
        let addr =
            odd::listen_for_posts(usize::MAX, |streams, event| odd::deliver_late(streams, event, LATE));
        counts(&sse(&addr, &[]))
    };
    let messages = |threads| {
        let addr = odd::listen_for_messages(LATE);
        counts(&bench(&[&["fanout", &addr, "--threads", threads], &LOAD[..]].concat()))
    };
    assert!((0..5).any(|_| streams() == Some((ALL, 0))), "some deliveries are in no figure");
    for threads in ["1", "2"] {
        assert!(
            (0..5).any(|_| messages(threads) == Some((ALL, 0))),
            "{threads} threads: some are in no figure"
        );
    }
}

/// A server that answers each post, and delivers only the first ten.
#[test]
fn i460_deliveries_that_do_not_come_are_errors() {
    let is_whole = |_| {
        let posts = Arc::new(AtomicUsize::new(0));
        let addr = odd::listen_for_posts(usize::MAX, move |streams, event| {
            if posts.fetch_add(1, Ordering::Relaxed) < 10 {
                odd::deliver(streams, &event);
            }
        });
        let counts = counts(&sse(&addr, &["--timeout", "500ms"]));
        counts.is_some_and(|(came, missing)| came <= 20 && came + missing == ALL)
    };
    assert!((0..5).any(is_whole), "some deliveries are in no figure");
}

/// Without a rate the publisher waits for all streams. One of them gets nothing but comments.
#[test]
fn i460_without_a_rate_too() {
    let is_missing = |_| {
        let addr = odd::listen_for_posts(usize::MAX, |streams, event| {
            let mut streams = streams.lock().expect("no test panics here");
            odd::tell(&mut streams[..1], &event);
            odd::tell(&mut streams[1..], ": still here\n\n");
        });
        let load = ["-c", "2", "-d", "300ms", "--timeout", "500ms", "--publish-path", "/post"];
        let run = bench(&[&["sse", &addr], &load[..]].concat());
        run.result()["errors"]["by_kind"] == serde_json::json!({ MISSING: 1 })
    };
    assert!((0..5).any(is_missing), "the delivery that did not come is no error");
}

/// The fault: when the last of them was published, nothing had come for as long as an answer may take, and that was the end.
#[test]
fn i460_of_a_number_the_last_deliveries_are_waited_for() {
    let is_whole = |_| {
        let addr = odd::listen_for_posts(1, |streams, event| odd::deliver_late(streams, event, LATE));
        let load = ["-c", "2", "-n", "2", "--rate", "0.5", "--timeout", "1s"];
        let run = bench(&[&["sse", &addr, "--publish-path", "/post"], &load[..]].concat());
        (run.code, &run.result()["throughput"]["operations"]) == (0, &4.into())
    };
    assert!((0..5).any(is_whole), "the last deliveries are missing");
}

/// The fault: nothing had come on the first thread for as long as an answer may take, so its connection was gone when the other
/// thread published the last message.
#[test]
fn i530_of_a_number_what_another_thread_publishes_late_is_waited_for() {
    let load = ["--threads", "2", "-c", "2", "-n", "3", "--rate", "0.5", "--timeout", "1s"];
    let is_whole = |_| {
        let addr = odd::listen_for_messages(Duration::ZERO);
        let run = bench(&[&["fanout", &addr], &load[..]].concat());
        (run.code, &run.result()["throughput"]["operations"]) == (0, &6.into())
    };
    assert!((0..5).any(is_whole), "the last message is missing");
}

/// The fault: comments were heard, so this went on until the time was over.
#[test]
fn i467_of_a_number_deliveries_are_not_waited_for_because_of_comments() {
    let is_given_up = |_| {
        let addr =
            odd::listen_for_posts(usize::MAX, |streams, _| odd::comment(streams, Duration::from_millis(100)));
        let load = ["-c", "2", "-n", "2", "--rate", "20", "--timeout", "500ms", "-d", "60s"];
        let run = bench(&[&["sse", &addr, "--publish-path", "/post"], &load[..]].concat());
        let result = run.result();
        result["errors"]["by_kind"] == serde_json::json!({ MISSING: 4 })
            && result["throughput"]["seconds"].as_f64() < Some(60.0)
    };
    assert!((0..5).any(is_given_up), "comments are taken for deliveries");
}

/// The fault: the wait for a delivery that does not come, in which there is no load, was measured.
#[test]
fn i535_of_a_number_the_wait_for_what_does_not_come_is_not_measured() {
    let is_short = |_| {
        let addr = odd::listen_for_posts(usize::MAX, |streams, event| {
            odd::tell(&mut streams.lock().expect("no test panics here")[..1], &event);
        });
        let load = ["-c", "2", "-n", "2", "--rate", "20", "--timeout", "3s"];
        let run = bench(&[&["sse", &addr, "--publish-path", "/post"], &load[..]].concat());
        let result = run.result();
        result["errors"]["by_kind"] == serde_json::json!({ MISSING: 2 })
            && result["throughput"]["seconds"].as_f64() < Some(3.0)
    };
    assert!((0..5).any(is_short), "the wait is measured");
}

/// A stream that is lost is an error, and what it missed until another one took its place is none.
#[test]
fn i460_a_stream_that_was_lost_has_missed_nothing() {
    let has_missed_nothing = |_| {
        let posts = Arc::new(AtomicUsize::new(0));
        let addr = odd::listen_for_posts(usize::MAX, move |streams, event| {
            if posts.fetch_add(1, Ordering::Relaxed) == 10 {
                streams.lock().expect("no test panics here").remove(0);
            }
            odd::deliver(streams, &event);
        });
        let result = sse(&addr, &["--timeout", "500ms"]).result();
        let kinds = result["errors"]["by_kind"].as_object().expect("an object");
        kinds.len() == 1 && !kinds.contains_key(MISSING)
    };
    assert!((0..5).any(has_missed_nothing), "it has missed something");
}
