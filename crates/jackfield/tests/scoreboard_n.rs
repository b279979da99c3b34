//! What others lack.

#[path = "support/steady.rs"]
mod steady;
mod support;

use jackfield::test::TestServer;
use jackfield::{Client, Exchange, Limits, Listener, Request, Server, ServerBuilder, Upgrade};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use steady::{Worker, echo, heard, listen, milli_allocations, ok_bytes, open, repeat, requests};
use support::{get, socket};

#[test]
fn n7_the_steady_state_allocates_nothing() {
    let set_timers = socket::text("timer");
    let none = [
        ("a message of 20 bytes", milli_allocations(Worker::default, echo(20, 1))),
        ("a message of 16 KiB", milli_allocations(Worker::default, echo(16 << 10, 1))),
        ("a request", milli_allocations(Worker::default, requests(get("/"), ok_bytes(""), 1))),
        ("an event", milli_allocations(Worker::default, heard("event", "data: an event\n\n".len(), listen))),
        (
            "a timer set and cancelled",
            milli_allocations(Worker::default, move |addr, rounds| {
                repeat(&mut open(addr), &set_timers, 5, rounds);
            }),
        ),
    ];
    for (what, allocations) in none {
        assert_eq!(allocations, 0, "{what}, in thousandths");
    }
    let publish = milli_allocations(Worker::default, heard("publish much", 8004, open));
    assert!(publish <= 1000, "a publish: {publish} thousandths");
}

#[test]
fn n7_a_planted_allocation_is_seen() {
    let make = || Worker { allocates: true, ..Worker::default() };
    assert_eq!(milli_allocations(make, echo(20, 1)), 1000);
}

/// What the audit of a server says, with `PORT` for its ports.
fn audited(options: ServerBuilder) -> Vec<String> {
    let server = options.reactors(1).bind().unwrap();
    let ports = server.local_addrs().iter().map(|addr| format!(":{}", addr.port()));
    let text = ports.fold(server.audit().to_string(), |text, port| text.replace(&port, ":PORT"));
    text.lines().map(String::from).collect()
}

/// What goes without TLS.
const PLAIN: &str = "0.0.0.0:PORT: tls: the data can be read and changed on its way; turn it on with `Listener::tls`, \
    unless a proxy in front of the server does that";

#[test]
fn n15_the_audit_lists_disabled_limits_on_reachable_listeners() {
    let everywhere = || Server::builder().listen("0.0.0.0:0");
    let mut here = Server::builder().listen("127.0.0.1:0").any_origin();
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        here = here.listen("[::1]:0");
    }
    assert_eq!(audited(here), [""; 0]);
    let by_default = [
        "0.0.0.0:PORT: connections_per_address_max is off; turn it on with `.limits(|limits| limits.connections_per_address_max = 1000)`",
        "0.0.0.0:PORT: accepts_per_address_max is off; turn it on with `.limits(|limits| limits.accepts_per_address_max = 200)`",
        "0.0.0.0:PORT: rate.messages is off; turn it on with `.limits(|limits| limits.rate.messages = 1000)`",
        "0.0.0.0:PORT: rate.bytes is off; turn it on with `.limits(|limits| limits.rate.bytes = 16777216)`",
        "0.0.0.0:PORT: max_lifetime is off; turn it on with `.limits(|limits| limits.max_lifetime = Duration::from_millis(86400000))`",
        PLAIN,
    ];
    assert_eq!(audited(everywhere()), by_default);
    assert_eq!(audited(everywhere().preset(Limits::internet())), [PLAIN]);
    let wide = Limits::internet().with(|limits| limits.head_timeout = Duration::from_secs(3600));
    let raw = Server::builder().listen("127.0.0.1:0").listen(Listener::tcp("0.0.0.0:0").raw());
    assert_eq!(audited(raw.preset(wide.clone())), [PLAIN], "what HTTP lacks is no matter there");
    assert_eq!(
        audited(everywhere().preset(wide).any_origin()),
        [
            "0.0.0.0:PORT: head_timeout is 3600000 ms, so wide that it has no effect; turn it on with \
                `.limits(|limits| limits.head_timeout = Duration::from_millis(10000))`",
            PLAIN,
            "0.0.0.0:PORT: origins: any page may open a WebSocket with the rights of its visitor; turn it on with \
                `ServerBuilder::allowed_origins` in place of `any_origin`",
        ]
    );
}

#[test]
fn n15_every_preset_is_valid_and_each_is_stricter_than_the_one_before() {
    let presets = [Limits::local(), Limits::lan(), Limits::default(), Limits::internet()];
    let off = presets.map(|limits| audited(Server::builder().listen("0.0.0.0:0").preset(limits)).len());
    assert!(off[0] > off[1] && off[1] >= off[2] && off[2] > off[3], "{off:?}");
}

#[test]
fn n15_a_listener_is_audited_by_its_own_limits() {
    let idle = |idle| Listener::tcp("0.0.0.0:0").limits(move |limits| limits.http_idle = idle);
    let builder = || Server::builder().preset(Limits::internet());
    let off = "0.0.0.0:PORT: http_idle is off; turn it on with \
        `.limits(|limits| limits.http_idle = Duration::from_millis(75000))`";
    assert_eq!(audited(builder().listen(idle(Duration::ZERO))), [off, PLAIN]);
    let careful = builder().limits(|limits| limits.http_idle = Duration::ZERO);
    assert_eq!(audited(careful.listen(idle(Duration::from_secs(5)))), [PLAIN]);
}

/// What was logged as a warning.
struct Warnings(Mutex<Vec<String>>);

static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Answers nothing.
struct Forgetful;

impl Client for Forgetful {
    fn on_request(&mut self, _exchange: Exchange<'_>, _request: &Request<'_>) {}

    fn on_upgrade(&mut self, _upgrade: Upgrade<'_>, _request: &Request<'_>) {}
}

#[test]
fn n15_a_handler_that_never_answers_is_named_once() {
    log::set_logger(&WARNINGS).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let mut server = TestServer::new(|_peer| Box::new(Forgetful) as Box<dyn Client>);
    for _ in 0..3 {
        let far = server.connect();
        far.send(get("/").repeat(2).as_bytes());
        server.run();
        assert_eq!(support::statuses(&far.take()), [500; 2]);
        far.send(socket::UPGRADE.as_bytes());
        server.run();
        assert_eq!(support::statuses(&far.take()), [503]);
    }
    let warnings = WARNINGS.0.lock().unwrap_or_else(PoisonError::into_inner);
    let named: Vec<&String> = warnings.iter().filter(|warning| warning.contains("Forgetful")).collect();
    let expected = if cfg!(debug_assertions) {
        vec![
            "`scoreboard_n::Forgetful` gave no answer in `on_request`: its peer gets 500",
            "`scoreboard_n::Forgetful` gave no answer in `on_upgrade`: its peer gets 503",
        ]
    } else {
        vec![]
    };
    assert_eq!(named, expected);
}
