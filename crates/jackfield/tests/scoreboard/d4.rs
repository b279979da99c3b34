//! D4 of docs/features.md, with C4 and C16: who may connect, by address, and how often.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Client, Connection, Limits, Listener, Observer, Peer, Refuse, RefuseReason, Server, WhenFull,
};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use support::probe::Log;
use support::real::{LONG, Live, connect, is_gone, wait_until};

struct Guest(Log);

impl Client for Guest {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.0.note(format!("connect {}", connection.peer().addr()));
    }
}

struct Refusals(Log);

impl Observer for Refusals {
    fn on_refused(&self, peer: &Peer, why: RefuseReason) {
        self.0.note(format!("refused {} {why:?}", peer.addr()));
    }
}

struct Lab {
    server: TestServer,
    log: Log,
}

impl Lab {
    fn new(limits: impl FnOnce(&mut Limits), edit: impl Fn(Listener) -> Listener + 'static) -> Self {
        let log = Log::default();
        let (made, notes) = (log.clone(), log.clone());
        let options = TestOptions {
            limits: Limits::default().with(limits),
            listener: Box::new(edit),
            observer: Arc::new(Refusals(log.clone())),
            ..TestOptions::default()
        };
        let make = move |peer: &Peer| {
            made.note(format!("create {}", peer.addr()));
            Guest(notes.clone())
        };
        Self { server: TestServer::with_options(options, make), log }
    }

    fn connect(&mut self, from: &str) -> FarEnd {
        self.server.connect_from(from.parse::<SocketAddr>().unwrap(), listener::RAW)
    }

    /// One for HTTP, which may be ended while it is idle.
    fn browse(&mut self, from: &str) -> FarEnd {
        self.server.connect_from(from.parse::<SocketAddr>().unwrap(), listener::HTTP)
    }

    /// One from there comes in.
    #[track_caller]
    fn welcome(&mut self, from: &str) -> FarEnd {
        let far = self.connect(from);
        assert_eq!(self.log.take(), [format!("create {from}"), format!("connect {from}")]);
        far
    }

    /// One from there is reset before anything was made for it.
    #[track_caller]
    fn refuse(&mut self, from: &str, why: &str) {
        let far = self.connect(from);
        assert_eq!(self.log.take(), [format!("refused {from} {why}")]);
        assert!(far.is_reset() && far.take().is_empty());
    }
}

fn per_address(connections: usize) -> impl FnOnce(&mut Limits) {
    move |limits| limits.connections_per_address_max = connections
}

#[test]
fn d4_networks_are_allowed_or_denied_before_anything_is_made() {
    let mut lab = Lab::new(
        |_| {},
        |listener| {
            listener.allowed_networks(["192.0.2.0/24", "2001:db8::/32"]).denied_networks(["192.0.2.64/26"])
        },
    );
    let _guests = ["192.0.2.1:1", "192.0.2.128:1", "[2001:db8:7::1]:1", "[::ffff:192.0.2.9]:1"]
        .map(|from| lab.welcome(from));
    for from in
        ["192.0.2.64:1", "192.0.2.127:1", "198.51.100.1:1", "[2001:db9::1]:1", "[::ffff:192.0.2.65]:1"]
    {
        lab.refuse(from, "Denied");
    }
    let metrics = lab.server.handle().metrics();
    assert_eq!((metrics.refused, metrics.refused_denied, lab.server.handle().count()), (5, 5, 4));
}

#[test]
fn d4_by_default_the_connection_rate_of_an_address_is_unlimited() {
    let mut lab = Lab::new(|_| {}, |listener| listener);
    let guests: Vec<_> = (1..1000).map(|port| lab.welcome(&format!("192.0.2.1:{port}"))).collect();
    assert_eq!(lab.server.handle().count(), guests.len());
    let limits = Limits::default();
    assert_eq!((limits.connections_per_address_max, limits.accepts_per_address_max), (0, 0));
    let limits = Limits::internet();
    assert_eq!((limits.connections_per_address_max, limits.accepts_per_address_max), (1000, 200));
}

#[test]
fn c16_connections_per_address_are_limited_and_ipv6_counts_by_network() {
    let mut lab = Lab::new(per_address(2), |listener| listener);
    let first = lab.welcome("192.0.2.1:1");
    let _second = lab.welcome("192.0.2.1:2");
    lab.refuse("192.0.2.1:3", "AddressFull");
    lab.refuse("[::ffff:192.0.2.1]:3", "AddressFull");
    let _other = lab.welcome("192.0.2.2:1");
    let _v6 = ["[2001:db8::1]:1", "[2001:db8::2]:1"].map(|from| lab.welcome(from));
    lab.refuse("[2001:db8::ffff:3]:1", "AddressFull");
    let _other = lab.welcome("[2001:db8:0:1::1]:1");
    // One that has left makes room for one.
    first.finish();
    lab.server.run();
    let _third = lab.welcome("192.0.2.1:4");
    lab.refuse("192.0.2.1:5", "AddressFull");
    assert_eq!(lab.server.handle().metrics().refused_address_full, 4);
}

/// However a connection ends or is refused for something else: its address gets its place back.
#[test]
fn c16_the_count_of_an_address_never_leaks() {
    let edit = |listener: Listener| listener.limits(|limits| limits.connections_max = 2);
    let mut lab = Lab::new(per_address(3), edit);
    for round in 0..20 {
        let guests = [1, 2].map(|port| lab.welcome(&format!("192.0.2.1:{port}")));
        // These are refused for the listener's limit, and take no place.
        for port in 3..10 {
            lab.connect(&format!("192.0.2.1:{port}"));
            assert_eq!(lab.log.take(), [format!("refused 192.0.2.1:{port} Full")]);
        }
        let [first, second] = guests;
        match round % 3 {
            0 => first.finish(),
            1 => first.reset(),
            _ => lab.server.handle().ids().iter().for_each(|id| lab.server.handle().close(*id).unwrap()),
        }
        second.finish();
        lab.server.run();
        lab.server.advance(Duration::from_secs(60));
        assert_eq!(lab.server.handle().count(), 0);
    }
}

#[test]
fn d4_new_connections_per_address_and_second_are_limited() {
    let mut lab = Lab::new(|limits| limits.accepts_per_address_max = 4, |listener| listener);
    let ports = |begin: u16| (begin..begin + 4).map(|port| format!("192.0.2.1:{port}"));
    let _guests: Vec<_> = ports(1).map(|from| lab.welcome(&from)).collect();
    lab.refuse("192.0.2.1:5", "AddressRate");
    // Others have a rate of their own.
    let _other = lab.welcome("192.0.2.2:1");
    lab.server.advance(Duration::from_millis(249));
    lab.refuse("192.0.2.1:6", "AddressRate");
    lab.server.advance(Duration::from_millis(1));
    let _fifth = lab.welcome("192.0.2.1:7");
    lab.refuse("192.0.2.1:8", "AddressRate");
    lab.server.advance(Duration::from_secs(1));
    let _more: Vec<_> = ports(10).map(|from| lab.welcome(&from)).collect();
    lab.refuse("192.0.2.1:14", "AddressRate");
    assert_eq!(lab.server.handle().metrics().refused_address_rate, 4);
}

/// What is refused costs no place of its listener, and none of those that are idle is ended for it.
#[test]
fn d4_a_refused_connection_takes_no_place() {
    let edit = |listener: Listener| listener.denied_networks(["198.51.100.0/24"]);
    let mut lab = Lab::new(
        |limits| {
            limits.connections_max = 1;
            limits.when_full = WhenFull::EvictIdle;
        },
        edit,
    );
    let guest = lab.browse("192.0.2.1:1");
    lab.log.take();
    for port in 1..100 {
        lab.refuse(&format!("198.51.100.1:{port}"), "Denied");
    }
    assert!(!guest.is_reset() && lab.server.handle().count() == 1);
}

/// Until its header has come nobody knows for whom a proxy connects, so such a connection counts.
#[test]
fn d4_behind_a_proxy_a_connection_counts_until_it_is_refused() {
    for when_full in [WhenFull::Refuse, WhenFull::EvictIdle] {
        let mut lab = Lab::new(
            |limits| (limits.connections_max, limits.when_full) = (1, when_full),
            |listener| listener.proxy_required(["10.0.0.0/8"]).denied_networks(["198.51.100.0/24"]),
        );
        let unknown = lab.connect(PROXY);
        assert_eq!((lab.log.take(), lab.server.handle().count()), (vec![], 1));
        lab.connect("10.0.0.9:701");
        assert_eq!(lab.log.take(), ["refused 10.0.0.9:701 Full"]);
        unknown.send(&header("198.51.100.7"));
        lab.server.run();
        assert_eq!(lab.log.take(), ["refused 198.51.100.7:1234 Denied"]);
        assert_eq!(lab.server.handle().count(), 0, "its place is free again");
        let guest = lab.browse(PROXY);
        guest.send(&header("192.0.2.1"));
        lab.server.run();
        assert_eq!(lab.log.take(), ["create 192.0.2.1:1234", "connect 192.0.2.1:1234"]);
        let _unknown = lab.connect("10.0.0.9:702");
        let is_ended = when_full == WhenFull::EvictIdle;
        assert_eq!(
            (guest.has_server_finished() || guest.is_reset(), lab.log.take().is_empty()),
            (is_ended, is_ended)
        );
    }
}

const PROXY: &str = "10.0.0.9:700";

fn header(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 198.51.100.1 1234 443\r\n").into_bytes()
}

#[test]
fn d4_behind_a_proxy_the_address_from_its_header_counts() {
    let mut lab = Lab::new(per_address(1), |listener| {
        listener.proxy_required(["10.0.0.0/8"]).denied_networks(["203.0.113.64/26"])
    });
    let mut come = |client: &str| {
        let far = lab.connect(PROXY);
        assert_eq!(lab.log.events(), [""; 0]);
        far.send(&header(client));
        lab.server.run();
        (far, lab.log.take())
    };
    let (first, log) = come("203.0.113.7");
    assert_eq!(log, ["create 203.0.113.7:1234", "connect 203.0.113.7:1234"]);
    let (far, log) = come("203.0.113.7");
    assert_eq!(log, ["refused 203.0.113.7:1234 AddressFull"]);
    assert!(far.is_reset());
    let (far, log) = come("203.0.113.70");
    assert_eq!(log, ["refused 203.0.113.70:1234 Denied"]);
    assert!(far.is_reset());
    let (_other, log) = come("203.0.113.8");
    assert_eq!(log, ["create 203.0.113.8:1234", "connect 203.0.113.8:1234"]);
    drop(first);
    let handle = lab.server.handle();
    assert_eq!(handle.count(), 2, "those that were refused count for nobody");
    let id = handle.ids()[0];
    handle.abort(id).unwrap();
    lab.server.run();
    let far = lab.connect(PROXY);
    far.send(&header("203.0.113.7"));
    lab.server.run();
    assert_eq!(lab.log.take(), ["create 203.0.113.7:1234", "connect 203.0.113.7:1234"]);
    // What a proxy says for itself is not limited.
    for _ in 0..3 {
        std::mem::forget(lab.connect(PROXY));
        let far = lab.connect(PROXY);
        far.send(b"PROXY UNKNOWN\r\n");
        lab.server.run();
        assert_eq!(lab.log.take(), [format!("create {PROXY}"), format!("connect {PROXY}")]);
        std::mem::forget(far);
    }
}

/// The first bytes of a handshake may come together with the header: they are not looked at.
#[test]
fn c4_behind_a_proxy_no_connection_is_refused_after_its_handshake() {
    let identity = tls::Identity::new();
    let config = identity.server_config();
    let mut lab = Lab::new(
        |_| {},
        move |listener| {
            listener
                .tls_config(config.clone())
                .proxy_required(["10.0.0.0/8"])
                .denied_networks(["203.0.113.7"])
        },
    );
    let far = lab.connect(PROXY);
    far.send(&[&header("203.0.113.7")[..], b"\x16\x03\x01\x02\x00 and what else a hello has"].concat());
    lab.server.run();
    assert_eq!(lab.log.take(), ["refused 203.0.113.7:1234 Denied"]);
    assert!(far.is_reset() && far.take().is_empty(), "not even an alert");
}

/// Proxies that are trusted for what they say of each request connect for many.
#[test]
fn d4_a_trusted_proxy_has_no_limit() {
    let mut lab = Lab::new(per_address(1), |listener| listener.trusted_proxies(["10.0.0.0/8"]));
    let _guests: Vec<_> = (1..10).map(|port| lab.welcome(&format!("10.0.0.9:{port}"))).collect();
    let _guest = lab.welcome("192.0.2.1:1");
    lab.refuse("192.0.2.1:2", "AddressFull");
    let mut lab = Lab::new(
        |limits| limits.accepts_per_address_max = 1,
        |listener| listener.trusted_proxies(["10.0.0.0/8"]),
    );
    let _guests: Vec<_> = (1..10).map(|port| lab.welcome(&format!("10.0.0.9:{port}"))).collect();
    let _guest = lab.welcome("192.0.2.1:1");
    lab.refuse("192.0.2.1:2", "AddressRate");
}

#[test]
fn c4_a_refused_tls_connection_gets_no_handshake() {
    let identity = tls::Identity::new();
    let secure = || Listener::tcp("127.0.0.1:0").tls_config(identity.server_config());
    for secure in [secure().denied_networks(["127.0.0.0/8"]), secure().refuse_if(|_peer| Some(Refuse::Reset))]
    {
        let log = Log::default();
        let builder = Server::builder().listen(secure).reactors(2).observer(Refusals(log.clone()));
        let notes = log.clone();
        let live = Live::serve(builder, move |_peer| Guest(notes.clone()));
        assert!((0..20).all(|_| is_refused(live.addr())));
        wait_until(|| live.handle.metrics().refused_denied == 20);
        assert!(
            log.events()
                .iter()
                .all(|event| event.starts_with("refused 127.0.0.1:") && event.ends_with("Denied"))
        );
    }
}

/// The user's own rule comes before the factory, and before the connection counts.
#[test]
fn c4_a_listeners_own_rule_is_asked_before_the_factory() {
    let mut lab = Lab::new(per_address(2), |listener| {
        listener.refuse_if(|peer| {
            assert_ne!(peer.port(), 13, "an unlucky number");
            (peer.port() == 7).then_some(Refuse::Reset)
        })
    });
    for _ in 0..5 {
        lab.refuse("192.0.2.1:7", "Denied");
        lab.refuse("192.0.2.1:13", "Panic");
    }
    let _guests = [lab.welcome("192.0.2.1:1"), lab.welcome("192.0.2.1:2")];
    // The limits hold for those that it lets in.
    lab.refuse("192.0.2.1:3", "AddressFull");
    let metrics = lab.server.handle().metrics();
    assert_eq!((metrics.refused, metrics.refused_denied, metrics.panics), (11, 5, 5));
    // Behind a proxy it is asked about the peer, and not about the proxy.
    let behind = |listener: Listener| {
        listener
            .proxy_required(["10.0.0.0/8"])
            .refuse_if(|peer| (peer.ip().to_string() == "203.0.113.8").then_some(Refuse::Reset))
    };
    let mut lab = Lab::new(|_| {}, behind);
    for (source, is_let_in) in [("203.0.113.7", true), ("203.0.113.8", false)] {
        let far = lab.connect("10.0.0.9:1");
        far.send(format!("PROXY TCP4 {source} 127.0.0.1 1234 80\r\n").as_bytes());
        lab.server.run();
        assert_eq!((lab.log.has("connect 203.0.113.7:1234"), far.is_reset()), (true, !is_let_in), "{source}");
    }
    assert_eq!(lab.log.events().last().unwrap(), "refused 203.0.113.8:1234 Denied");
}

/// The fault: a rule that names IPv4 addresses never met those that came over a socket for both families.
#[test]
fn d12_a_listeners_own_rule_gets_a_mapped_address_as_ipv4() {
    let rule = |peer: SocketAddr| (peer.to_string() == "192.0.2.1:7").then_some(Refuse::Reset);
    let mut lab = Lab::new(|_| {}, move |listener| listener.refuse_if(rule));
    for (from, is_refused) in [
        ("192.0.2.1:7", true),
        ("[::ffff:192.0.2.1]:7", true),
        ("[::ffff:192.0.2.2]:7", false),
        ("[::1]:7", false),
    ] {
        assert_eq!(lab.connect(from).is_reset(), is_refused, "{from}");
    }
    let mut lab = Lab::new(|_| {}, move |listener| listener.proxy_required(["10.0.0.0/8"]).refuse_if(rule));
    for (from, is_refused) in [("192.0.2.1", true), ("192.0.2.2", false)] {
        let far = lab.connect(PROXY);
        far.send(format!("PROXY TCP6 ::ffff:{from} ::1 7 80\r\n").as_bytes());
        lab.server.run();
        assert_eq!(far.is_reset(), is_refused, "{from}");
    }
}

const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// How a rule refuses, and what a peer gets over HTTP and over a user's own protocol.
fn refusals() -> [(Refuse, [&'static str; 2]); 4] {
    [
        (Refuse::Silent, ["", ""]),
        (Refuse::Reset, ["", ""]),
        (Refuse::Busy, [BUSY, ""]),
        (Refuse::Banner(b"go away".to_vec()), ["go away", "go away"]),
    ]
}

/// Refuses all, in this way.
fn refusing(refuse: &Refuse, edit: impl Fn(Listener) -> Listener + 'static) -> Lab {
    let refuse = refuse.clone();
    let asked = move || {
        let refuse = refuse.clone();
        move |_peer: SocketAddr| Some(refuse.clone())
    };
    Lab::new(|_| {}, move |listener| edit(listener).refuse_if(asked()))
}

#[test]
fn c4_a_listeners_own_rule_says_what_a_refused_connection_gets() {
    for (refuse, answers) in refusals() {
        let mut lab = refusing(&refuse, |listener| listener);
        for (listener, answer) in [listener::HTTP, listener::RAW].into_iter().zip(answers) {
            let far = lab.server.connect_from("192.0.2.1:7".parse::<SocketAddr>().unwrap(), listener);
            check_refused(&mut lab, &far, &refuse, answer);
        }
        let metrics = lab.server.handle().metrics();
        assert_eq!((metrics.refused, metrics.refused_denied), (2, 2));
    }
    let listener = Listener::tcp("127.0.0.1:0").raw().busy_banner("come later");
    let builder = Server::builder().listen(listener.refuse_if(|_peer| Some(Refuse::Busy)));
    let live = Live::serve(builder, |_peer| Guest(Log::default()));
    let mut word = String::new();
    connect(live.addr()).read_to_string(&mut word).unwrap();
    assert_eq!(word, "come later");
}

/// Behind a proxy the answer comes after the header, and nothing that comes with it is read.
#[test]
fn c4_behind_a_proxy_too_the_rule_says_what_a_refused_connection_gets() {
    for (refuse, [answer, _]) in refusals() {
        for rest in ["", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"] {
            let mut lab = refusing(&refuse, |listener| listener.proxy_required(["10.0.0.0/8"]));
            let far = lab.server.connect_from(PROXY.parse::<SocketAddr>().unwrap(), listener::HTTP);
            far.send(&[b"PROXY TCP4 192.0.2.1 127.0.0.1 7 80\r\n", rest.as_bytes()].concat());
            lab.server.run();
            check_refused(&mut lab, &far, &refuse, answer);
            assert_eq!(lab.server.handle().metrics().refused_denied, 1);
        }
    }
}

/// An answer can't be given before the handshake, and a refusal costs none. Behind a PROXY header it is a reset.
#[test]
fn c4_with_tls_a_listeners_own_rule_closes_in_place_of_an_answer() {
    let config = tls::Identity::new().server_config();
    for (refuse, _) in refusals() {
        for is_behind_proxy in [false, true] {
            let config = config.clone();
            let mut lab = refusing(&refuse, move |listener| {
                let secure = listener.tls_config(config.clone());
                if is_behind_proxy { secure.proxy_required(["10.0.0.0/8"]) } else { secure }
            });
            let (from, begin) = match is_behind_proxy {
                true => (PROXY, "PROXY TCP4 192.0.2.1 127.0.0.1 7 80\r\n"),
                false => ("192.0.2.1:7", ""),
            };
            let far = lab.connect(from);
            assert_eq!(far.is_released(), !is_behind_proxy, "it is refused before its first byte");
            if is_behind_proxy {
                far.send(&[begin.as_bytes(), b"\x16\x03\x01\x02\x00 and what else a hello has"].concat());
                lab.server.run();
            }
            check_refused(&mut lab, &far, if is_behind_proxy { &Refuse::Reset } else { &refuse }, "");
        }
    }
}

/// This one was refused once, got these bytes, and is gone.
#[track_caller]
fn check_refused(lab: &mut Lab, far: &FarEnd, refuse: &Refuse, answer: &str) {
    assert_eq!(lab.log.take(), ["refused 192.0.2.1:7 Denied"]);
    assert_eq!((far.take(), far.is_reset()), (answer.into(), *refuse == Refuse::Reset), "{refuse:?}");
    assert!(far.has_server_finished());
    lab.server.advance(Duration::from_secs(2));
    assert_eq!((lab.server.wires().len(), lab.server.handle().count()), (0, 0));
    assert_eq!((lab.log.take(), far.take()), (vec![], vec![]));
}

/// The reset may be there before the connection is known to be.
fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).map_or(true, |mut stream| {
        stream.set_read_timeout(Some(LONG)).unwrap();
        is_gone(&mut stream)
    })
}

/// On several reactors: those that were handed over give their places back too.
#[test]
fn c16_reactors_share_the_count_of_an_address() {
    let builder = Server::builder()
        .listen(Listener::tcp("127.0.0.1:0").raw())
        .limits(|limits| limits.connections_per_address_max = 3)
        .reactors(3);
    let log = Log::default();
    let live = Live::serve(builder, move |_peer| Guest(log.clone()));
    for _ in 0..5 {
        let peers: Vec<_> = (0..3).map(|_| connect(live.addr())).collect();
        wait_until(|| live.handle.count() == 3);
        assert!(is_refused(live.addr()));
        drop(peers);
        wait_until(|| live.handle.count() == 0);
    }
}

#[test]
fn d4_bind_reports_invalid_networks() {
    let any = || Listener::tcp("127.0.0.1:0");
    let rows = [
        (any().allowed_networks(["192.0.2.0/33"]), "is not a network"),
        (any().denied_networks(["somewhere"]), "is not a network"),
        (any().allowed_networks([""; 0]), "no peer could connect"),
        #[cfg(unix)]
        (Listener::unix("/nowhere/at/all").denied_networks(["192.0.2.1"]), "whose peers have no addresses"),
    ];
    for (listener, fault) in rows {
        let error = Server::builder().listen(listener).bind().expect_err("something is wrong");
        assert!(error.to_string().contains(fault), "{error}");
    }
}

/// The fault: one connection to a listener with a low rate used up the rate of the same address at the others.
#[test]
fn d4_listeners_with_different_rates_count_apart() {
    let limited = |accepts: u32| {
        Listener::tcp("in memory").limits(move |limits| limits.accepts_per_address_max = accepts)
    };
    let options =
        TestOptions { listeners: vec![limited(100), limited(1), limited(100)], ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Guest(Log::default()));
    let mut comes_in = |listener: usize| !server.connect_to(listener).is_reset();
    assert!(comes_in(1) && !comes_in(1));
    let came = (0..150).filter(|number| comes_in(if number % 2 == 0 { 0 } else { 2 })).count();
    assert_eq!(came, 100, "those with the same rate count together");
}
