//! Overload control by lag: new connections are refused early, rather than all served late.
//!
//! The lag is how long a ready event waits for its reactor. A high lag for a moment means nothing: bursts come and go.
//! If it is above the target for a whole window, and the reactor is never idle in that window, more comes in than can
//! be served, and each further connection makes all others wait longer. From then on the reactor admits only a quota of
//! new connections in a turn, which keeps the lag near half its target: a turn above that lowers the quota in
//! proportion to the excess, a turn below it that has used up the quota raises it by a little. Other new connections
//! are refused at once, which costs a fraction of serving them.
//!
//! A healthy load is never an overload: a reactor that is not busy all of the time is idle now and then.

use jackfield_reactor::Time;
use std::time::Duration;

/// The overload control of one reactor, by its lag. Time and lag are arguments.
#[derive(Debug)]
pub(crate) struct Overload {
    /// Zero: never overloaded.
    target: Duration,
    window: Duration,
    /// The most new connections of one turn.
    quota_max: usize,
    is_on: bool,
    /// Since this time the lag was above the target, and the reactor was never idle.
    over_since: Option<Time>,
    /// Since this time the lag was below half the target.
    under_since: Option<Time>,
    /// The end of the turn that was observed last.
    observed_until: Time,
    /// New connections that the next turn may admit while overloaded.
    quota: usize,
}

/// A sleep of this length means that no work was waiting.
const IDLE_MIN: Duration = Duration::from_millis(1);

impl Overload {
    pub(crate) fn new(target: Duration, window: Duration, accepts_per_turn: usize) -> Self {
        Self {
            target,
            window,
            quota_max: accepts_per_turn,
            is_on: false,
            over_since: None,
            under_since: None,
            observed_until: Time(0),
            quota: 0,
        }
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes a turn's lag, and whether new connections used up the quota. True if that has changed the state.
    pub(crate) fn observe(&mut self, now: Time, lag: Duration, idle: Duration, is_full: bool) -> bool {
        if self.target.is_zero() {
            return false;
        }
        let was_on = self.is_on;
        // It may not have been refreshed since the last turn.
        self.refresh(now);
        self.observed_until = now.after(lag);
        let is_idle = idle >= IDLE_MIN;
        self.over_since = self.over_since.filter(|_| !is_idle && lag > self.target);
        // If the quota is used up, only the refusals may keep the lag low.
        let is_under = (lag < self.target / 2 || (is_idle && lag <= self.target)) && !is_full;
        self.under_since = self.under_since.filter(|_| is_under);
        if lag > self.target {
            let since = *self.over_since.get_or_insert(now);
            if now.since(since) >= self.window && !self.is_on {
                (self.is_on, self.quota) = (true, self.quota_max);
            }
        } else if is_under {
            let since = *self.under_since.get_or_insert(now);
            self.is_on &= now.since(since) < self.window;
        }
        self.adjust_quota(lag, is_idle && lag <= self.target, is_full);
        self.is_on != was_on
    }

    /// A new connection waits for two turns, one at the acceptor and one with its request, so each turn may take half
    /// of the target. If the reactor sleeps between its turns, no connection waits for the one before it.
    fn adjust_quota(&mut self, lag: Duration, sleeps: bool, is_full: bool) {
        let aim = self.target / 2;
        if lag > aim && !sleeps {
            let share = self.quota as u128 * aim.as_nanos() / lag.as_nanos();
            self.quota = (share as usize).max(1);
        } else if is_full {
            self.quota = (self.quota + self.quota / 8 + 1).min(self.quota_max);
        }
    }

    /// Ends the overload if no lag was observed for a whole window, because the reactor had nothing to do. True if that
    /// has changed the state.
    pub(crate) fn refresh(&mut self, now: Time) -> bool {
        let is_over = self.is_on && now.since(self.observed_until) >= self.window;
        if is_over {
            self.is_on = false;
        }
        is_over
    }

    /// How many new connections the next turn may admit. `None`: any number.
    pub(crate) fn quota(&self) -> Option<usize> {
        self.is_on.then_some(self.quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn overload() -> Overload {
        Overload::new(MS * 5, MS * 100, 256)
    }

    /// Runs turns of `turn` milliseconds until `end`. Returns when the state changed, if it did.
    fn turns(overload: &mut Overload, now: &mut u64, end: u64, turn: u64, idle: u64) -> Option<u64> {
        let mut changed = None;
        while *now < end {
            *now += idle;
            // New connections ask before the lag of the turn is known.
            let has_ended = overload.refresh(Time(*now));
            if has_ended | overload.observe(Time(*now), MS * turn as u32, MS * idle as u32, false) {
                changed.get_or_insert(*now);
            }
            *now += turn;
        }
        changed
    }

    #[test]
    fn n14_a_lag_above_the_target_for_the_window_is_overload() {
        let (mut overload, mut now) = (overload(), 0);
        assert_eq!(turns(&mut overload, &mut now, 1000, 5, 0), None, "the target itself is no overload");
        assert_eq!(turns(&mut overload, &mut now, 2000, 10, 0), Some(1100));
        assert!(overload.is_on());
    }

    #[test]
    fn n14_a_reactor_that_sleeps_is_not_overloaded() {
        let (mut overload, mut now) = (overload(), 0);
        // Long callbacks, with a pause before each: events wait at times, but no queue builds up.
        assert_eq!(turns(&mut overload, &mut now, 60_000, 50, 1), None);
        // One very long turn is no overload either.
        assert!(!overload.observe(Time(70_000), MS * 5000, MS * 10, false));
        assert!(!overload.observe(Time(75_000), MS * 2, Duration::ZERO, false));
    }

    #[test]
    fn n14_a_burst_within_the_window_is_no_overload() {
        let mut overload = overload();
        for second in 1..=10 {
            let begin = second * 1000;
            let mut now = begin;
            assert!(!overload.observe(Time(begin), MS, MS * 800, false));
            assert_eq!(turns(&mut overload, &mut now, begin + 90, 10, 0), None);
            assert_eq!(turns(&mut overload, &mut now, begin + 95, 1, 0), None);
            assert_eq!(turns(&mut overload, &mut now, begin + 180, 10, 0), None);
        }
    }

    #[test]
    fn n14_overload_ends_only_below_half_the_target() {
        let (mut overload, mut now) = (overload(), 0);
        turns(&mut overload, &mut now, 200, 10, 0);
        assert!(overload.is_on());
        assert_eq!(
            turns(&mut overload, &mut now, 1000, 4, 0),
            None,
            "below the target, not below half of it"
        );
        let begin = now;
        let left = turns(&mut overload, &mut now, 2000, 2, 0).unwrap();
        assert!((begin + 100..begin + 104).contains(&left), "{left}");
        assert!(!overload.is_on());
    }

    #[test]
    fn n14_a_reactor_that_has_nothing_to_do_any_more_is_not_overloaded() {
        let (mut overload, mut now) = (overload(), 0);
        turns(&mut overload, &mut now, 200, 10, 0);
        assert!(!overload.refresh(Time(now + 50)) && overload.is_on());
        assert!(overload.refresh(Time(now + 100)) && !overload.is_on());
        assert_eq!(overload.quota(), None);
    }

    /// New connections were refused by a reactor that had been idle for long: they had used up its old quota, so it
    /// looked as if only the refusals kept its lag low.
    #[test]
    fn n14_a_turn_after_a_rest_finds_no_overload() {
        let (mut overload, mut now) = (overload(), 0);
        turns(&mut overload, &mut now, 200, 10, 0);
        assert!(!overload.observe(Time(now + 99), Duration::ZERO, MS * 99, true) && overload.is_on());
        assert!(overload.observe(Time(now + 199), Duration::ZERO, MS * 100, true));
        assert_eq!(overload.quota(), None);
    }

    #[test]
    fn n14_turns_longer_than_the_window_are_overload_too() {
        let (mut overload, mut now) = (overload(), 0);
        assert_eq!(turns(&mut overload, &mut now, 10_000, 160, 0), Some(160));
        assert!(overload.is_on() && overload.quota() == Some(1));
    }

    /// A reactor that was overloaded once, and slept two thirds of the time after that, admitted one connection a turn
    /// for ever.
    #[test]
    fn n14_a_reactor_that_sleeps_admits_all_again() {
        let (mut overload, mut now) = (overload(), 0);
        turns(&mut overload, &mut now, 200, 10, 0);
        assert!(overload.is_on());
        for _ in 0..100 {
            // Connections are refused at first.
            overload.observe(Time(now), MS * 3, MS * 7, overload.quota().is_some_and(|quota| quota < 50));
            now += 10;
        }
        assert!(!overload.is_on() && overload.quota().is_none(), "{:?} a turn", overload.quota());
    }

    #[test]
    fn n14_the_quota_follows_the_lag() {
        let (mut overload, mut now) = (overload(), 0);
        turns(&mut overload, &mut now, 101, 10, 0);
        assert_eq!(
            overload.quota(),
            Some(64),
            "a quarter of what a turn may accept, for it took four times what it is to take"
        );
        turns(&mut overload, &mut now, 200, 10, 0);
        assert_eq!(overload.quota(), Some(1), "one a turn, by which the reactor learns that it can do more");
        overload.observe(Time(now), MS * 2, Duration::ZERO, false);
        assert_eq!(overload.quota(), Some(1), "nobody asked for more");
        overload.observe(Time(now), MS * 2, Duration::ZERO, true);
        assert_eq!(overload.quota(), Some(2));
        let (begin, end) = (now, now + 500);
        while now < end {
            assert!(!overload.observe(Time(now), MS, Duration::ZERO, true), "somebody is refused");
            now += 1;
        }
        assert_eq!(turns(&mut overload, &mut now, end + 500, 1, 0), Some(begin + 600));
    }

    /// A model of a reactor: new connections come at an even pace. Each has one request, which is served in the turn
    /// after the one that admits it. All times are in microseconds. Returns how many were served in a second, and the
    /// 99th percentile of their times, once it has settled.
    fn model(pace: u64) -> (usize, u64) {
        let [serve, accept, refuse, turn] = [500, 15, 25, 10];
        let mut overload = overload();
        let (mut now, mut came, mut admitted) = (0, 0, Vec::new());
        let mut latencies = Vec::new();
        while now < 21_000_000 {
            let begin = now;
            now += turn;
            for since in admitted.drain(..) {
                now += serve;
                if now > 1_000_000 {
                    latencies.push(now - since);
                }
            }
            overload.refresh(Time(begin / 1000));
            let (mut quota, mut budget) = (overload.quota().unwrap_or(usize::MAX), 256);
            while came + pace <= now && budget > 0 {
                (came, budget) = (came + pace, budget - 1);
                let is_let_in = quota > 0;
                now += if is_let_in { accept } else { refuse };
                quota = quota.saturating_sub(1);
                admitted.extend(is_let_in.then_some(came));
            }
            let lag = Duration::from_micros(now - begin);
            let idle = if admitted.is_empty() { (came + pace).saturating_sub(now) } else { 0 };
            overload.observe(Time(begin / 1000), lag, Duration::from_micros(idle), quota == 0);
            now += idle;
        }
        latencies.sort_unstable();
        (latencies.len() / 20, latencies[latencies.len() * 99 / 100])
    }

    #[test]
    fn n14_at_double_load_all_capacity_is_used_and_waits_are_short() {
        let (usual, usual_p99) = model(600);
        let (peak, peak_p99) = model(526);
        println!("{usual}/s within {usual_p99} us, {peak}/s within {peak_p99} us");
        assert!(usual_p99 < 2000 && (1890..1910).contains(&peak), "nobody is refused");
        // The more are refused, the more the refusals themselves cost.
        for (pace, percent) in [(263, 85), (131, 80), (53, 50)] {
            let (served, p99) = model(pace);
            println!("asked for {}/s: {served}/s within {p99} us", 1_000_000 / pace);
            assert!(served * 100 >= peak * percent, "{served}/s");
            assert!(p99 <= 7500, "{p99} us, with a target of 5000");
        }
    }
}
