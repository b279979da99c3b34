//! How long the driver sleeps, without a sleep: the tests say what the clock shows.

use super::*;
use crate::session::connecting::Above;
use crate::stream::options::SocketOptions;

const SECOND: Duration = Duration::from_secs(1);

/// A driver whose alarm is due in ten seconds.
fn driver_with_alarm() -> Driver {
    let mut driver = Driver::new(0, Limits::default()).expect("an event queue");
    driver.reactor.wires.set_alarm(SECOND * 10);
    driver
}

/// A callback of 20 s made a timer that was due in it late by as much again.
#[test]
fn i394_what_a_turn_has_taken_is_no_part_of_the_sleep() {
    let driver = driver_with_alarm();
    let ms = Duration::from_millis;
    for (taken, wait_max, wait) in [
        (Duration::ZERO, None, SECOND * 10),
        (Duration::from_micros(999), None, SECOND * 10),
        (ms(40), None, ms(9_960)),
        (ms(9_999), None, ms(1)),
        (SECOND * 10, None, Duration::ZERO),
        (SECOND * 20, None, Duration::ZERO),
        (SECOND * 4, Some(SECOND * 60), SECOND * 6),
        (SECOND * 4, Some(SECOND), SECOND),
    ] {
        let now = driver.clock.begin + taken;
        assert_eq!(driver.wait(wait_max, || now), Some(wait), "after {taken:?}, at most {wait_max:?}");
    }
}

/// A read of the clock is saved where its result would not matter.
#[test]
fn i394_the_clock_is_read_only_for_a_sleep_that_ends_in_time() {
    let unread = || unreachable!("it is not needed");
    let idle = Driver::new(0, Limits::default()).expect("an event queue");
    assert_eq!(idle.wait(None, unread), None);
    assert_eq!(idle.wait(Some(SECOND), unread), Some(SECOND));
    let mut driver = driver_with_alarm();
    assert_eq!(driver.wait(Some(Duration::ZERO), unread), Some(Duration::ZERO));
    driver.reactor.wires.request_next_turn();
    assert_eq!(driver.wait(None, unread), Some(Duration::ZERO));
}

/// A connection that was begun after a set-up of 30 s ended 40 s later instead of 10.
#[test]
fn i394_a_deadline_that_is_set_before_the_first_turn_counts_from_then() {
    let mut driver = Driver::new(0, Limits::default()).expect("an event queue");
    let now = driver.clock.begin + SECOND * 30;
    driver.set_time_at(now);
    let connected = driver.reactor.wires.connect(Above::Plain, SocketOptions::default(), 0, SECOND * 10);
    connected.expect("there is room");
    assert_eq!(driver.timeout_at(driver.clock.now), Some(SECOND * 10));
    assert_eq!(driver.wait(Some(SECOND * 60), || now), Some(SECOND * 10));
}
