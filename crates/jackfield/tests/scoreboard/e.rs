//! Ease.

use jackfield::{Access, Authenticator, Error, Limits, Listener, Request, Server, ServerBuilder};
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Lines of code: neither empty nor comment.
fn lines_of_code(source: &str) -> usize {
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn e1_the_smallest_echo_server_has_at_most_15_lines() {
    // Cargo compiles it, and `clients.rs` runs it.
    let echo = include_str!("../../../../examples/echo.rs");
    assert!(lines_of_code(echo) <= 15, "{} lines", lines_of_code(echo));
    // So has the one in the crate's documentation, which is compiled as well.
    let shown = include_str!("../../src/lib.rs").split("```").nth(1).unwrap();
    let shown: String =
        shown.lines().skip(1).map(|line| line.trim_start_matches("//!").to_owned() + "\n").collect();
    assert!(shown.contains("Server::bind") && lines_of_code(&shown) <= 15, "{shown}");
}

/// The item with this alias: the first line below it that is neither documentation nor an attribute.
fn item<'s>(source: &'s str, alias: &str) -> &'s str {
    let (_, below) = source.split_once(&format!("#[doc(alias = \"{alias}\")]\n")).expect(alias);
    let mut lines = below.lines().map(|line| line.trim().trim_start_matches("pub "));
    lines.find(|line| !line.starts_with(['#', '/'])).unwrap()
}

#[test]
fn e3_a_search_for_a_name_of_another_framework_finds_what_does_the_same() {
    let client = include_str!("../../src/client/mod.rs");
    let observer = include_str!("../../src/shared/observer.rs");
    let handle = include_str!("../../src/shared/handle.rs");
    for (source, alias, begin) in [
        (client, "OnClientConnect", "fn on_connect("),
        (client, "OnClientConnected", "fn on_connect("),
        (client, "OnClientDisconnect", "fn on_disconnect("),
        (client, "OnHttpRequest", "fn on_request("),
        (client, "OnDataAvailable", "fn on_data("),
        (client, "DataIn", "fn on_message("),
        (client, "gotMessage", "fn on_message("),
        (observer, "OnServerCreated", "fn on_started("),
        (observer, "OnBgException", "fn on_panic("),
        (handle, "HasConnection", "fn count("),
        (handle, "sendAll", "fn publish<"),
        (handle, "ServerHandle", "struct Handle("),
    ] {
        let found = item(source, alias);
        assert!(found.starts_with(begin), "{alias}: {found}");
    }
}

struct Nobody;

impl Authenticator for Nobody {
    fn check(&self, _request: &Request<'_>, _peer: Option<SocketAddr>) -> Access {
        Access::Deny
    }
}

/// All mistakes of a server, each of which has one of these words.
#[track_caller]
fn check_faults(builder: ServerBuilder, words: &[&str]) -> Vec<String> {
    let wrong = builder.bind();
    let Err(Error::Options(faults)) = wrong else { panic!("{wrong:?}") };
    for word in words {
        assert!(faults.iter().any(|fault| fault.contains(word)), "{word} is not in {faults:?}");
    }
    assert_eq!(faults.len(), words.len(), "{faults:?}");
    faults
}

#[test]
fn e4_all_errors_are_reported_together() {
    let limits = Limits::default().with(|limits| {
        limits.events_per_turn = 0;
        limits.mailbox_max = 0;
    });
    let wrong = Server::builder()
        .listen("nowhere")
        .listen(Listener::tcp("127.0.0.1:0").banner("hello"))
        .preset(limits)
        .reactors(0)
        .listen(Listener::tcp("127.0.0.1:0").raw().lines_until(0))
        .listen(Listener::tcp("127.0.0.1:0").lines().status().lines())
        .any_origin()
        .allowed_origins(["example.com"])
        .authenticator(Nobody)
        .authenticator(Nobody);
    let words = [
        "nowhere",
        "banner",
        "events_per_turn",
        "mailbox_max",
        "reactors",
        "example.com",
        "`raw` and `lines_until` contradict each other",
        "`lines` and `status` contradict each other",
        "`allowed_origins` and `any_origin` contradict each other",
        "`authenticator` is given more than once",
    ];
    let faults = check_faults(wrong, &words);
    let told = Error::Options(faults.clone()).to_string();
    assert!(faults.iter().all(|fault| told.contains(fault)));
}

#[test]
fn e4_mistakes_of_each_kind_are_reported_together() {
    let builder = || {
        let mut limits = Limits::default().with(|limits| limits.head_timeout = Duration::ZERO);
        limits.reactor.outbox_bytes_low = limits.reactor.outbox_bytes_high + 1;
        Server::builder().preset(limits)
    };
    check_faults(builder(), &["outbox_bytes_low", "head_timeout", "there is no listener"]);
    let first = builder().listen(Listener::tcp("127.0.0.1:0").tls("/no/certificate.pem", "/no/key.pem"));
    let many = (0..250).fold(first, |builder, _| builder.listen("127.0.0.1:0"));
    let words =
        ["outbox_bytes_low", "head_timeout", "/no/certificate.pem", "/no/key.pem", "more than 250 listeners"];
    check_faults(many, &words);
}

/// The fault: a later call made the mistakes of an earlier one vanish, and an empty list of hosts allowed all.
#[test]
fn e4_mistakes_of_an_option_that_is_given_twice_are_all_reported() {
    let builder = || Server::builder().listen("127.0.0.1:0");
    let contradict = "`allowed_origins` and `any_origin` contradict each other";
    check_faults(builder().allowed_origins(["example.com"]).any_origin(), &["example.com", contradict]);
    let twice = builder().allowed_hosts(["*.a"]).allowed_hosts(["b/"]);
    check_faults(twice, &["*.a", "b/", "`allowed_hosts` is given more than once"]);
    check_faults(builder().allowed_hosts(Vec::<String>::new()), &["`allowed_hosts` has no host"]);
}

/// The fault: a stall that was reported before the callback counted as slow never counted as that.
#[test]
fn e4_a_stall_is_no_shorter_than_what_is_slow() {
    let builder = Server::builder().listen("127.0.0.1:0");
    let limits = builder.limits(|limits| limits.callback_stall = limits.callback_slow / 2);
    check_faults(limits, &["`callback_stall` must not be shorter than `callback_slow`"]);
}

#[test]
fn e4_the_error_without_a_listener_says_what_to_do() {
    let error = Server::builder().bind().unwrap_err().to_string();
    assert!(error.contains("`listen`"), "{error}");
}

#[test]
fn e4_timeouts_that_are_too_short_to_use_are_all_named() {
    let zero = Duration::ZERO;
    let mut limits = Limits::default().with(|limits| {
        limits.head_timeout = zero;
        limits.body_interval = zero;
        limits.upgrade_wait = zero;
        limits.message_timeout = zero;
    });
    (limits.reactor.write_stall, limits.reactor.handshake) = (zero, zero);
    let wrong = Server::builder().listen("127.0.0.1:0").preset(limits).bind();
    let Err(Error::Options(faults)) = wrong else { panic!("{wrong:?}") };
    let names =
        ["head_timeout", "body_interval", "upgrade_wait", "message_timeout", "write_stall", "handshake"];
    assert_eq!(faults.len(), names.len(), "{faults:?}");
    assert!(names.iter().zip(&faults).all(|(name, fault)| fault.contains(name)), "{faults:?}");
    for limits in [Limits::local(), Limits::lan(), Limits::internet()] {
        assert!(Server::builder().listen("127.0.0.1:0").preset(limits).bind().is_ok());
    }
}

#[test]
fn e4_an_error_names_its_subject_and_keeps_its_cause() {
    let addr = jackfield::Addr::Ip("127.0.0.1:80".parse().unwrap());
    let refused = || io::Error::from(io::ErrorKind::PermissionDenied);
    for (error, word, has_cause) in [
        (Error::from(refused()), "permission denied", true),
        (Error::Bind(vec![(addr, refused())]), "127.0.0.1:80", true),
        (Error::Reactor(3), "reactor 3", false),
        (Error::Options(vec!["this and that".into()]), "this and that", false),
    ] {
        let text = error.to_string();
        assert!(text.contains(word), "{text}");
        // `main` shows the second form of what it returns.
        assert_eq!(format!("{error:?}"), text);
        assert_eq!(error.source().is_some(), has_cause, "{text}");
    }
}

#[test]
fn e4_too_many_listeners_are_refused() {
    let builder = (0..251).fold(Server::builder(), |builder, _| builder.listen("127.0.0.1:0"));
    let error = builder.bind().unwrap_err().to_string();
    assert!(error.contains("250 listeners"), "{error}");
}

#[test]
fn e4_limits_that_contradict_each_other_are_named() {
    let base = Limits::default;
    let mut outbox = base();
    outbox.reactor.outbox_bytes_low = outbox.reactor.outbox_bytes_high + 1;
    let mut carry = base();
    carry.line_bytes_max = carry.reactor.carry_bytes_max + 1;
    let mut headers = base();
    headers.http.headers_max = 10_000;
    let mut head = base();
    head.http.head_bytes_max = 1 << 20;
    let deaf = base().with(|limits| limits.heartbeat_dead = Duration::ZERO);
    for (limits, word) in [
        (outbox, "outbox_bytes_low"),
        (carry, "carry_bytes_max"),
        (headers, "headers_max"),
        (head, "head_bytes_max"),
        (deaf, "heartbeat_dead"),
    ] {
        let error = Server::builder().listen("127.0.0.1:0").preset(limits).bind().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    // Zero times are an answer too, where they mean "any".
    let off = base().with(|limits| {
        limits.heartbeat = Duration::ZERO;
        limits.http_idle = Duration::ZERO;
    });
    assert!(Server::builder().listen("127.0.0.1:0").preset(off).bind().is_ok());
}

#[test]
fn e4_missing_tls_files_are_named() {
    let listener = Listener::tcp("127.0.0.1:0").tls("/no/certificate.pem", "/no/key.pem");
    let error = Server::bind(listener).unwrap_err().to_string();
    assert!(error.contains("/no/certificate.pem"), "{error}");
    // The fault: another mistake of the same listener kept them back.
    let long = Listener::tcp("127.0.0.1:0").tls("/no/certificate.pem", "/no/key.pem").alpn(["x".repeat(256)]);
    check_faults(
        Server::builder().listen(long),
        &["/no/certificate.pem", "/no/key.pem", "is not a protocol name"],
    );
}
