//! A drain that is spread over a time.

use crate::support;
use jackfield::test::{FarEnd, TestOptions};
use jackfield::{Drain, Limits, Server, ServerState};
use std::time::Duration;
use support::probe::Probe;
use support::{Lab, socket, text};

const SECOND: Duration = Duration::from_secs(1);

fn lab(sockets: usize) -> (Lab, Vec<FarEnd>) {
    // The connections are silent, and are to stay.
    let limits = Limits::local();
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, Probe::default);
    let fars = (0..sockets).map(|_| lab.websocket()).collect();
    (lab, fars)
}

/// How many have been told to go, and leave.
fn told(lab: &mut Lab, fars: &mut Vec<FarEnd>) -> usize {
    let before = fars.len();
    fars.retain(|far| {
        let is_told = socket::frames(&far.take()).iter().any(|frame| frame.code() == Some(1001));
        if is_told {
            far.send(&socket::close(1001, ""));
            far.finish();
        }
        !is_told
    });
    lab.run();
    before - fars.len()
}

#[test]
fn l10_each_part_of_the_time_has_its_part_of_the_connections() {
    let (mut lab, mut fars) = lab(100);
    lab.server.handle().shutdown(Drain::within(30 * SECOND).spread_over(10 * SECOND));
    lab.run();
    let mut all = told(&mut lab, &mut fars);
    assert!(all <= 2, "{all} at once");
    for second in 1..=10 {
        if let Some(far) = fars.last() {
            let answer = lab.say(far, socket::text("still here"));
            assert_eq!(socket::texts(&answer), ["still here"], "who has not had its turn is served");
        }
        lab.advance(SECOND);
        all += told(&mut lab, &mut fars);
        assert!(all.abs_diff(second * 10) <= 3, "{all} in {second} s");
    }
    assert_eq!((all, fars.len()), (100, 0));
    assert_eq!(lab.server.wires().len(), 0, "long before the deadline");
}

#[test]
fn l10_the_same_connections_have_the_same_turns() {
    let turns = || {
        let (mut lab, mut fars) = lab(20);
        lab.server.handle().shutdown(Drain::within(30 * SECOND).spread_over(10 * SECOND));
        (0..10)
            .map(|_| {
                lab.advance(SECOND);
                told(&mut lab, &mut fars)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(turns(), turns());
}

#[test]
fn l10_without_a_spread_all_drain_together_and_a_second_shutdown_can_shorten_it() {
    let (mut at_once, mut fars) = lab(50);
    assert_eq!(Drain::default().spread, Duration::ZERO);
    at_once.server.handle().shutdown(Drain::within(30 * SECOND));
    at_once.run();
    assert_eq!(told(&mut at_once, &mut fars), 50);

    let (mut lab, mut fars) = lab(50);
    let handle = lab.server.handle();
    handle.shutdown(Drain::within(60 * SECOND).spread_over(50 * SECOND));
    lab.run();
    assert!(told(&mut lab, &mut fars) <= 2);
    handle.shutdown(Drain::within(60 * SECOND).spread_over(55 * SECOND));
    lab.run();
    assert_eq!(told(&mut lab, &mut fars), 0, "a longer one changes nothing");
    handle.shutdown(Drain::within(60 * SECOND));
    lab.run();
    told(&mut lab, &mut fars);
    assert_eq!(fars.len(), 0);
}

/// It never goes beyond the deadline, at which the rest is aborted.
#[test]
fn l10_a_spread_ends_at_the_deadline() {
    let (mut lab, fars) = lab(50);
    lab.server.handle().shutdown(Drain::within(5 * SECOND).spread_over(50 * SECOND));
    lab.advance(6 * SECOND);
    assert!(fars.iter().all(|far| far.is_reset() || far.has_server_finished()));
    assert_eq!(lab.server.wires().len(), 0);
}

#[test]
fn l10_a_signal_shuts_down_as_the_limits_say() {
    let limits = Limits::default();
    assert_eq!((limits.drain, limits.drain_spread), (30 * SECOND, Duration::ZERO));
    let server = Server::builder().listen("127.0.0.1:0");
    let error = server.limits(|limits| limits.drain_spread = 31 * SECOND).bind().unwrap_err();
    assert!(error.to_string().contains("`drain_spread` must not be longer"), "{error}");
    let server = Server::builder().listen("127.0.0.1:0").limits(|limits| limits.drain_spread = 30 * SECOND);
    assert_eq!(server.bind().unwrap().handle().state(), ServerState::Starting);
}

#[test]
fn l10_event_streams_get_different_retry_times() {
    let mut lab = Lab::new(Probe::default);
    let fars: Vec<FarEnd> = (0..16).map(|_| lab.events()).collect();
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    let mut ends: Vec<String> = fars.iter().map(|far| text(&far.take())).collect();
    ends.sort_unstable();
    let twice = |seconds: u32| [(); 2].map(|()| format!("retry: {seconds}000\n\n"));
    assert_eq!(ends, (1..=8).flat_map(twice).collect::<Vec<String>>());
}
