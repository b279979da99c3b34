//! Overload control by lag, with a clock and a lag that the tests set. The controller itself has unit tests.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, listener};
use jackfield::{FailedHandshake, Limit, Limits, Listener, Observer, Peer, Reason, RefuseReason, WhenFull};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::probe::Probe;
use support::{Lab, get, socket, statuses, text};

const MS: Duration = Duration::from_millis(1);

/// What the observer was told, in a few words.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Told {
    fn on_overload(&self, reactor: usize, is_on: bool, _lag: Duration) {
        self.note(format!("reactor {reactor} overloaded: {is_on}"));
    }

    fn on_refused(&self, _peer: &Peer, why: RefuseReason) {
        self.note(format!("{why:?}"));
    }

    fn on_tls_error(&self, failed: &FailedHandshake) {
        self.note(format!("{} failed in a handshake: {:?}", failed.id, failed.reason));
    }
}

fn lab(reserved: &[&str]) -> (Lab, Told) {
    let told = Told::default();
    let reserved = reserved.iter().map(ToString::to_string).collect();
    let options = TestOptions { observer: Arc::new(told.clone()), reserved, ..TestOptions::default() };
    (Lab::with_options(options, Probe::default), told)
}

/// Turns that all take so long, one after the other.
fn lag(lab: &mut Lab, lag: Duration, turns: u32) {
    for _ in 0..turns {
        lab.server.report_lag(lag);
        lab.advance(lag);
    }
}

/// Until only one connection is admitted in each turn.
fn overload(lab: &mut Lab) {
    lag(lab, MS * 10, 20);
    lab.server.report_lag(MS * 10);
}

fn is_refused(lab: &mut Lab, far: &FarEnd) -> bool {
    lab.run();
    let answer = text(&far.take());
    let refused = answer.starts_with("HTTP/1.1 503 ") && far.has_server_finished();
    assert!(!refused || answer.contains("\r\nRetry-After: "), "{answer}");
    refused
}

#[test]
fn n14_the_defaults() {
    let limits = Limits::default();
    assert_eq!((limits.lag_target, limits.lag_window), (MS * 5, MS * 100));
}

#[test]
fn n14_new_connections_get_503_while_existing_ones_are_served() {
    let (mut lab, told) = lab(&[]);
    let before = lab.connect();
    overload(&mut lab);
    assert_eq!(told.take(), ["reactor 0 overloaded: true"]);
    let metrics = lab.server.handle().metrics();
    assert_eq!((metrics.overloaded, metrics.lag_ns), (1, 10_000_000));
    // One is let in, so that the reactor learns when it can do more.
    let first = lab.connect();
    assert_eq!(statuses(lab.ask(&first, get("/")).as_bytes()), [200]);
    let others: Vec<FarEnd> = (0..20).map(|_| lab.connect()).collect();
    assert!(others.iter().all(|far| is_refused(&mut lab, far)));
    assert_eq!(told.take(), ["Overload"; 20]);
    assert_eq!(lab.server.handle().metrics().refused_overload, 20);
    assert_eq!(statuses(lab.ask(&before, get("/")).as_bytes()), [200]);
}

/// The fault: an idle connection was ended to make room for a new one, which was then refused because of the overload.
#[test]
fn n14_nothing_is_ended_for_a_connection_that_the_overload_refuses() {
    for (reserved, is_ended) in [(&[][..], false), (&["/health"][..], true)] {
        let told = Told::default();
        let options = TestOptions {
            observer: Arc::new(told.clone()),
            limits: Limits::default().with(|limits| {
                (limits.connections_max, limits.when_full) = (1, WhenFull::EvictIdle);
            }),
            reserved: reserved.iter().map(ToString::to_string).collect(),
            ..TestOptions::default()
        };
        let mut lab = Lab::with_options(options, Probe::default);
        let idle = lab.connect();
        overload(&mut lab);
        // The one for which there is room in this turn may end another.
        let first = lab.connect();
        assert!(idle.has_server_finished());
        told.take();
        let late = lab.connect();
        lab.run();
        assert_eq!(first.has_server_finished(), is_ended, "exempt: {reserved:?}");
        assert_eq!(is_refused(&mut lab, &late), !is_ended);
        assert_eq!(told.take(), if is_ended { vec![] } else { vec!["Full"] });
    }
}

#[test]
fn n14_refused_connections_get_different_retry_times() {
    let seconds = |lab: &mut Lab| -> Vec<String> {
        lab.connect();
        let all = (0..16).map(|_| {
            let answer = text(&lab.connect().take());
            answer.split("Retry-After: ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap().to_owned()
        });
        all.collect()
    };
    let [one, two] = [(); 2].map(|()| {
        let (mut lab, _told) = lab(&[]);
        overload(&mut lab);
        seconds(&mut lab)
    });
    assert_eq!(one, two, "the same acts give the same bytes");
    let mut kinds = one;
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn n14_overload_ends_when_the_lag_was_below_half_the_target_for_the_window() {
    let (mut lab, told) = lab(&[]);
    overload(&mut lab);
    lag(&mut lab, MS * 4, 50);
    assert_eq!(
        told.take(),
        ["reactor 0 overloaded: true"],
        "4 ms are below the target, but not below half of it"
    );
    lag(&mut lab, MS * 2, 49);
    assert!(told.take().is_empty());
    lag(&mut lab, MS * 2, 3);
    assert_eq!(told.take(), ["reactor 0 overloaded: false"]);
    assert_eq!(lab.server.handle().metrics().overloaded, 0);
    let many: Vec<FarEnd> = (0..300).map(|_| lab.connect()).collect();
    assert!(!many.iter().any(|far| is_refused(&mut lab, far)));
}

#[test]
fn n14_a_new_connection_after_a_pause_is_admitted() {
    let (mut lab, told) = lab(&[]);
    overload(&mut lab);
    // Counted from the end of the last turn.
    lab.advance(MS * 110);
    let far = lab.connect();
    assert_eq!(statuses(lab.ask(&far, get("/")).as_bytes()), [200]);
    assert_eq!(told.take(), ["reactor 0 overloaded: true", "reactor 0 overloaded: false"]);
}

#[test]
fn n14_an_exempt_route_is_served_and_the_first_head_decides() {
    let (mut lab, told) = lab(&["/health", "/admin/"]);
    overload(&mut lab);
    // It takes the one place.
    lab.connect();
    told.take();
    for path in ["/health", "/admin", "/admin/a", "/health?full"] {
        let far = lab.connect();
        assert_eq!(statuses(lab.ask(&far, get(path)).as_bytes()), [200], "{path}");
        assert!(!far.has_server_finished(), "{path}");
    }
    for path in ["/", "/healthy", "/administrator", "/admi"] {
        // Whole, and in two parts.
        let request = get(path);
        for cut in [request.len(), 5] {
            let far = lab.connect();
            far.send(&request.as_bytes()[..cut]);
            lab.run();
            far.send(&request.as_bytes()[cut..]);
            assert!(is_refused(&mut lab, &far), "{path}");
        }
    }
    // A peer that sends nothing costs nothing, and can be refused later.
    let far = lab.connect();
    lab.run();
    assert!(!far.has_server_finished() && far.take().is_empty());
    // When the overload is over, no connection is refused any more.
    lab.advance(MS * 200);
    assert_eq!(statuses(lab.ask(&far, get("/")).as_bytes()), [200]);
}

#[test]
fn n14_a_refused_provisional_connection_never_had_a_client() {
    let (mut lab, told) = lab(&["/health"]);
    overload(&mut lab);
    lab.connect();
    told.take();
    let events = lab.log.events().len();
    let far = lab.connect();
    lab.run();
    assert_eq!(lab.log.events().len(), events);
    far.send(get("/").as_bytes());
    assert!(is_refused(&mut lab, &far));
    far.finish();
    lab.run();
    assert_eq!((lab.log.events().len(), told.take()), (events, vec!["Overload".to_owned()]));
    // Who stays has one, and all that it has said.
    let far = lab.connect();
    assert_eq!(statuses(lab.ask(&far, get("/health").repeat(2)).as_bytes()), [200, 200]);
    assert!(lab.log.events().len() > events);
}

#[test]
fn n14_provisional_connections_have_deadlines_too() {
    let (mut lab, _told) = lab(&["/health"]);
    overload(&mut lab);
    lab.connect();
    let (slow, silent) = (lab.connect(), lab.connect());
    slow.send(b"GET /hea");
    lab.advance(MS * 10_001);
    assert_eq!(statuses(&slow.take()), [408]);
    assert!(slow.has_server_finished() && !silent.has_server_finished());
    lab.advance(MS * 75_000);
    assert!(silent.has_server_finished() && silent.take().is_empty());
}

#[test]
fn n14_a_listener_without_http_has_no_provisional_connections() {
    let (mut lab, _told) = lab(&["/health"]);
    overload(&mut lab);
    lab.connect();
    let far = lab.connect_to(listener::LINES);
    assert!(far.has_server_finished() && far.take().is_empty());
}

#[test]
fn n14_without_http_or_over_tls_a_refused_connection_has_no_status() {
    let lines = Listener::tcp("lines").lines().busy_banner("too busy\r\n");
    let listeners = vec![Listener::tcp("http"), lines, Listener::tcp("raw").raw()];
    let plain = TestOptions { listeners, ..TestOptions::default() };
    let tls = Some(tls::Identity::new().server_config());
    let secure = TestOptions { tls, ..TestOptions::default() };
    for (options, listener, said) in [(plain, [1, 2], ["too busy\r\n", ""]), (secure, [0, 2], ["", ""])] {
        let told = Told::default();
        let options = TestOptions { observer: Arc::new(told.clone()), ..options };
        let mut lab = Lab::with_options(options, Probe::default);
        overload(&mut lab);
        lab.connect();
        told.take();
        for (listener, said) in listener.into_iter().zip(said) {
            let far = lab.connect_to(listener);
            lab.run();
            assert!(far.has_server_finished(), "{listener}");
            assert_eq!(text(&far.take()), said, "{listener}");
        }
        assert_eq!(told.take(), ["Overload"; 2]);
    }
}

/// At both kinds of places, and no client is asked.
#[test]
fn o4_metrics_and_health_are_served_under_overload() {
    let status_paths = Some(["/metrics", "/health"].map(str::to_owned));
    let listeners = vec![Listener::tcp("http"), Listener::tcp("status").status()];
    let options = TestOptions { status_paths, listeners, ..TestOptions::default() };
    let mut lab = Lab::with_options(options, Probe::default);
    overload(&mut lab);
    // It takes the one place.
    lab.connect();
    for listener in 0..2 {
        for path in ["/metrics", "/health"] {
            let far = lab.connect_to(listener);
            assert_eq!(statuses(lab.ask(&far, get(path)).as_bytes()), [200], "{listener} {path}");
        }
    }
    let far = lab.connect();
    far.send(get("/").as_bytes());
    assert!(is_refused(&mut lab, &far));
    assert!(!lab.log.has("request"), "{:?}", lab.log.events());
}

#[test]
fn n14_an_upgrade_on_an_existing_connection_is_closed_with_1013() {
    let (mut lab, _told) = lab(&["/reserved"]);
    let (there, reserved) = (lab.connect(), lab.connect());
    overload(&mut lab);
    lab.connect();
    let answer = lab.say(&there, socket::UPGRADE);
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", text(&answer));
    let head = text(&answer).find("\r\n\r\n").unwrap() + 4;
    let frames = socket::frames(&answer[head..]);
    assert_eq!((frames.len(), frames[0].code()), (1, Some(1013)));
    lab.say(&there, socket::close(1013, ""));
    assert!(there.has_server_finished());
    assert!(!lab.log.events().iter().any(|event| event.starts_with("open")), "{:?}", lab.log.events());
    // The fault: it was counted among new connections that were refused, and that is a part of another figure.
    let metrics = lab.server.handle().metrics();
    assert_eq!((metrics.refused, metrics.refused_overload), (0, 0));
    assert_eq!(metrics.ended(Reason::Limit(Limit::Overload)), 1);
    let answer = lab.say(&reserved, socket::UPGRADE.replacen("GET /", "GET /reserved?", 1));
    assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\n"), "{}", text(&answer));
}

#[test]
fn n14_a_target_of_zero_turns_it_off() {
    let limits = Limits::default().with(|limits| limits.lag_target = Duration::ZERO);
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, Probe::default);
    overload(&mut lab);
    let many: Vec<FarEnd> = (0..30).map(|_| lab.connect()).collect();
    assert!(!many.iter().any(|far| is_refused(&mut lab, far)));
}

/// Without a client it was taken for one whose handshake had failed.
#[test]
fn n14_a_provisional_connection_that_leaves_is_no_failed_handshake() {
    let (mut lab, told) = lab(&["/health"]);
    overload(&mut lab);
    told.take();
    let newcomers: Vec<FarEnd> = (0..5).map(|_| lab.connect()).collect();
    newcomers.iter().for_each(FarEnd::finish);
    lab.run();
    assert_eq!((lab.connections(), told.take()), (0, Vec::new()));
    assert_eq!(lab.server.handle().metrics().ended(Reason::Peer), 5);
}
