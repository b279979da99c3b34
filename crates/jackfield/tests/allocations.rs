//! In the steady state the server allocates nothing.

#[path = "support/steady.rs"]
mod steady;
mod support;

use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{AccessLog, Client, Exchange, Listener, Request};
use steady::{
    Worker, echo, heard, listen, milli_allocations, milli_allocations_of, ok_bytes, open, repeat, requests,
};
use support::{get, socket};

#[track_caller]
fn check(what: &str, play: impl Fn(std::net::SocketAddr, usize), allocations: u64) {
    let counted = milli_allocations(Worker::default, play);
    assert!(counted <= allocations * 1000, "{what}: {}.{:03} allocations", counted / 1000, counted % 1000);
}

#[test]
fn a_planted_allocation_is_seen() {
    let make = || Worker { allocates: true, ..Worker::default() };
    assert_eq!(milli_allocations(make, echo(20, 1)), 1000);
}

#[test]
fn a_message_of_up_to_16_kib_in_and_out_allocates_nothing() {
    for bytes in [0, 20, 125, 126, 1000, 5000, 10_000, 16_000, 16 << 10] {
        check(&format!("{bytes} bytes"), echo(bytes, 1), 0);
    }
}

#[test]
fn messages_in_bursts_allocate_nothing() {
    for (bytes, burst) in [(20, 16), (20, 500), (1000, 30), (10_000, 3)] {
        check(&format!("{burst} of {bytes} bytes"), echo(bytes, burst), 0);
    }
}

#[test]
fn a_message_in_fragments_costs_a_buffer_at_most() {
    let fragments = [socket::masked(socket::BINARY, b"one "), socket::masked(socket::FIN, b"two")].concat();
    check("fragments", move |addr, rounds| repeat(&mut open(addr), &fragments, 9, rounds), 2);
}

#[test]
fn pings_allocate_nothing() {
    let ping = socket::ping(b"hello");
    check("a ping", move |addr, rounds| repeat(&mut open(addr), &ping, 7, rounds), 0);
}

#[test]
fn a_keep_alive_request_allocates_nothing() {
    let browser = "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\n\
        Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\n\
        Connection: keep-alive\r\nCookie: a=b; c=d\r\nUpgrade-Insecure-Requests: 1\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for (what, request, bytes, burst) in [
        ("a request", get("/"), ok_bytes(""), 1),
        ("pipelined requests", get("/"), ok_bytes(""), 16),
        ("a browser's request", browser.to_owned(), ok_bytes(""), 1),
        ("a request with a body", post.to_owned(), ok_bytes("hello"), 1),
        ("an answer with a header", get("/header"), ok_bytes("header") + "X-A: b\r\n".len(), 1),
        (
            "a request for nothing",
            get("/missing"),
            ok_bytes("Not Found") + "404 Not Found".len() - "200 OK".len(),
            1,
        ),
    ] {
        check(what, requests(request, bytes, burst), 0);
    }
}

/// Reads each field of its request.
struct FormReader;

impl Client for FormReader {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let mut bytes: usize = request.query_pairs().map(|(name, value)| name.len() + value.len()).sum();
        bytes += request.cookies().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if let Some(pairs) = request.form() {
            bytes += pairs.map(|(name, value)| name.len() + value.len()).sum::<usize>();
        } else if let Ok(parts) = request.multipart() {
            bytes +=
                parts.map(|part| part.map_or(0, |part| part.name().len() + part.body().len())).sum::<usize>();
        }
        exchange.respond(if bytes == 20 { 200 } else { 400 }, "text/plain", "");
    }
}

#[test]
fn fields_of_a_request_are_read_in_place() {
    let parts = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nsome\r\n\
        --b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.png\"\r\nContent-Type: image/png\r\n\r\n1\r\n--b--\r\n";
    for (target, cookie, kind, body, is_in_place) in [
        ("/?name=12345&n=0123456789", "", "text/plain", "", true),
        ("/", "name=12345; n=0123456789", "text/plain", "", true),
        ("/", "", "application/x-www-form-urlencoded", "name=12345&n=0123456789", true),
        ("/?a=12345", "b=123", "multipart/form-data; boundary=b", parts, true),
        ("/?a=12345", "b=123", "multipart/form-data; boundary=\"b\"", parts, true),
        // A value that is decoded needs room of its own.
        ("/?name=%31+345&n=0123456789", "", "text/plain", "", false),
    ] {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let counted = milli_allocations(|| FormReader, requests(request, ok_bytes(""), 1));
        assert_eq!(
            counted == 0,
            is_in_place,
            "{target} {cookie} {kind}: {counted} thousandths of an allocation"
        );
    }
}

#[test]
fn a_line_of_the_access_log_allocates_nothing() {
    for log in [AccessLog::common, AccessLog::json] {
        let option = |builder: jackfield::ServerBuilder| builder.access_log(log(std::io::sink()));
        // Its buffers grow a few times until a line more makes no difference.
        let counted = milli_allocations_of(option, Worker::default, requests(get("/a?b=c"), ok_bytes(""), 1));
        assert!(counted <= 20, "{counted} thousandths of an allocation");
    }
}

/// Allocations of a thousand requests that are logged, with or without trust in the proxy that they come from.
fn logged_behind_a_proxy(is_trusted: bool) -> u64 {
    let listener = Listener::tcp("in memory");
    let listener = if is_trusted { listener.trusted_proxies(["10.0.0.0/8"]) } else { listener };
    let options = TestOptions {
        listeners: vec![listener],
        access_log: Some(AccessLog::common(std::io::sink())),
        ..TestOptions::default()
    };
    let mut server = TestServer::with_options(options, |_peer| Worker::default());
    let far = server.connect_from(([10, 0, 0, 9], 1).into(), 0);
    let forwarded = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 10.0.0.8\r\n\r\n";
    let request = get("/").replace("\r\n\r\n", &format!("\r\n{forwarded}"));
    let mut ask = |times| {
        (0..times).for_each(|_| {
            far.send(request.as_bytes());
            server.run();
            far.take();
        });
    };
    ask(1000);
    measure(|| ask(1000)).count_total
}

/// The fault: for each request that was logged, the lines of the proxies were gathered in a vector.
#[test]
fn i363_the_address_behind_proxies_is_found_without_an_allocation() {
    let [with, without] = [true, false].map(logged_behind_a_proxy);
    assert!(with <= without + 100, "{with} allocations, and {without} without trusted proxies");
}

#[test]
fn an_answer_in_parts_allocates_nothing() {
    let head = ok_bytes("") - "Content-Length: 0".len() + "Transfer-Encoding: chunked".len();
    check("a stream", requests(get("/stream"), head + "4\r\npart\r\n0\r\n\r\n".len(), 1), 0);
}

#[test]
fn an_event_allocates_nothing() {
    check("an event", heard("event", "data: an event\n\n".len(), listen), 0);
}

#[test]
fn a_timer_set_moved_and_cancelled_allocates_nothing() {
    let order = socket::text("timer");
    check("two timers", move |addr, rounds| repeat(&mut open(addr), &order, 5, rounds), 0);
}

#[test]
fn a_small_publish_allocates_nothing_and_a_large_one_once() {
    check("a small publish", heard("publish", 7, open), 0);
    check("a small publish to an event stream", heard("publish", "data: small\n\n".len(), listen), 0);
    check("a large publish", heard("publish much", 8004, open), 1);
}

/// What a few publishes to this number of subscribers allocate. Publishes before them have made room for all of them in
/// the ends of the in-memory connections: those double as they grow.
fn publishing(subscribers: usize, order: &str, before: usize, rounds: usize) -> u64 {
    let mut server = TestServer::new(|_peer| Worker::default());
    let ends: Vec<FarEnd> = (0..=subscribers).map(|_| server.connect()).collect();
    for far in &ends {
        far.send(socket::UPGRADE.as_bytes());
        server.run();
    }
    ends.iter().for_each(|far| drop(far.take()));
    let mut publish = |rounds: usize| {
        for _ in 0..rounds {
            ends[0].send(&socket::text(order));
            server.run();
        }
    };
    publish(before);
    let received = ends[1].bytes_received();
    let counted = measure(|| publish(rounds));
    assert!(ends[1..].iter().all(|far| far.bytes_received() > received));
    counted.count_total
}

#[test]
fn a_publish_to_many_costs_as_little_as_one_to_few() {
    assert_eq!(publishing(10_000, "publish", 20, 8), publishing(10, "publish", 20, 8));
    assert_eq!(publishing(1000, "publish much", 5, 3), publishing(10, "publish much", 5, 3));
}
