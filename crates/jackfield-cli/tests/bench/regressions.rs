//! Faults of the load generator: each was found in a run as a user starts it.

use crate::odd;
use crate::process::Directory;
use crate::tool::{Run, bench, certificate};
use std::net::SocketAddr;

/// The fault: a server that ended a connection by its answer, and did not close it, kept its place for ever.
#[test]
fn i303_a_connection_that_is_over_is_replaced_although_the_server_does_not_close_it() {
    const CLOSES: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    const OLD: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for (mode, answer) in [("http", CLOSES), ("http", OLD), ("connect", CLOSES), ("connect", OLD)] {
        let addr = odd::listen(move |stream| odd::say(stream, answer));
        let run = bench(&[mode, &addr, "-c", "2", "-n", "6", "-d", "60s"]);
        let result = run.result();
        let counts = (run.code, &result["throughput"]["operations"], &result["errors"]["total"]);
        assert_eq!(counts, (0, &6.into(), &0.into()), "{mode}: {}{}", run.stderr, result["errors"]);
    }
}

/// The fault: the decoder had a limit of 64 KiB, and the built-in server refused bodies above 1 MiB.
#[test]
fn i304_an_event_may_be_of_any_size() {
    for size in ["100KiB", "3MiB"] {
        let run = bench(&["sse", "--size", size, "-c", "2", "-n", "3", "-d", "120s", "--timeout", "60s"]);
        let result = run.result();
        let counts = (run.code, &result["throughput"]["operations"], &result["errors"]["total"]);
        assert_eq!(counts, (0, &6.into(), &0.into()), "{size}: {}{}", run.stderr, result["errors"]);
    }
}

/// The fault: without TLS a connection counted as up when it was begun.
#[cfg(target_os = "linux")]
#[test]
fn i306_a_connection_that_is_not_established_is_not_up() {
    use socket2::{Domain, Socket, Type};
    for mode in ["http", "raw"] {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
        // Two of them are established, and wait to be accepted.
        socket.listen(1).expect("it listens");
        let addr = socket.local_addr().ok().and_then(|addr| addr.as_socket()).expect("it has an address");
        let run = bench(&[mode, &addr.to_string(), "-c", "20", "-d", "200ms", "--timeout", "2s"]);
        let result = run.result();
        assert_eq!((run.code, &result["end"]["why"]), (1, &"no answer in time".into()), "{mode}");
        assert!(result["opened_connections"].as_u64() < Some(20), "{mode}: {result}");
        assert!(result["opening_seconds"].is_null(), "{mode}: {result}");
    }
}

/// The fault: a place whose connection had failed got another one at once, and so on.
#[test]
fn i308_a_server_that_hangs_up_unheard_is_not_called_again_at_once() {
    const CLOSES: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let errors = |run: &Run| run.result()["errors"]["total"].as_f64().unwrap_or(0.0);
    let run = |duration| {
        let addr = odd::listen_numbered(|number, stream| {
            if number < 20 {
                odd::say_once(stream, CLOSES);
            }
        });
        bench(&["connect", &addr, "-c", "4", "-d", duration])
    };
    // Where the machine is busy, it may take long until the server hangs up.
    let run = ["300ms", "3s", "30s"].into_iter().map(run).find(|run| errors(run) > 0.0);
    let run = run.expect("there are failures");
    let result = run.result();
    // Each of the four places rests for 10 ms behind each failure; and one may begin and one end at an end of the time.
    let most = result["throughput"]["seconds"].as_f64().map(|seconds| 4.0 * (seconds * 100.0 + 2.0));
    assert!(Some(errors(&run)) <= most, "{}", result["errors"]);
    let is_known = |kind: &String| kind.ends_with("by the server");
    assert!(result["errors"]["by_kind"].as_object().is_some_and(|kinds| kinds.keys().all(is_known)));
}

/// The fault: the end of a connection that was over counted as an error.
#[test]
fn i478_a_connection_that_ends_behind_the_answer_to_a_post_is_no_error() {
    let is_none = |_| {
        let addr = odd::listen_for_posts(1, |streams, event| odd::deliver(streams, &event));
        let run = bench(&["sse", &addr, "--publish-path", "/post", "-c", "2", "-n", "4", "--rate", "5"]);
        let result = run.result();
        (run.code, &result["throughput"]["operations"], &result["errors"]["total"])
            == (0, &8.into(), &0.into())
    };
    // On a machine that is busy elsewhere two posts may be sent on one connection.
    assert!((0..5).any(is_none));
}

/// The fault: the oldest ticket was used first, which such a server had forgotten already, and new ones had no room.
#[test]
fn i490_a_server_that_keeps_few_sessions_resumes_them() {
    let directory = Directory::new();
    let [cert, key] = &certificate(&directory, "server");
    let https = format!("https://{}/", odd::listen_with_few_sessions(cert, key));
    let load = ["connect", &https, "--ca-file", cert, "--resume", "-c", "64", "-n", "1500"];
    let run = bench(&[&load[..], &["-d", "120s", "--timeout", "60s"]].concat());
    let handshakes = &run.result()["handshakes"];
    let [full, resumed] = ["full", "resumed"].map(|kind| handshakes[kind].as_u64());
    assert!(run.code == 0 && resumed > full, "{handshakes}{}", run.stderr);
}
