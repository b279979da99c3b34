//! The time of a turn, and which turns are timed.

use crate::planted::planted;
use crate::time::Time;
use std::time::Duration;

#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) use monotonic::Instant;
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(super) use std::time::Instant;

/// The system's clock, read in the cheapest way: each turn reads it once, and the standard library takes twenty
/// instructions more.
#[cfg(any(target_os = "android", target_os = "linux"))]
mod monotonic {
    use rustix::time::{ClockId, clock_gettime};
    use std::ops::{Add, AddAssign, Sub};
    use std::time::Duration;

    /// Nanoseconds of the monotonic clock: 584 years of them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(in crate::driver) struct Instant(u64);

    impl Instant {
        #[inline(always)]
        pub(in crate::driver) fn now() -> Self {
            let time = clock_gettime(ClockId::Monotonic);
            Self(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
        }

        pub(in crate::driver) fn saturating_duration_since(self, earlier: Self) -> Duration {
            Duration::from_nanos(self.0.saturating_sub(earlier.0))
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, passed: Duration) -> Self {
            Self(self.0.saturating_add(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)))
        }
    }

    impl AddAssign<Duration> for Instant {
        fn add_assign(&mut self, passed: Duration) {
            *self = *self + passed;
        }
    }

    impl Sub for Instant {
        type Output = Duration;

        fn sub(self, earlier: Self) -> Duration {
            self.saturating_duration_since(earlier)
        }
    }
}

/// Whole milliseconds since the start, computed only when they change.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    pub(crate) now: Time,
    next: Instant,
    /// Whether this turn is timed, and its begin.
    pub(crate) is_timed: bool,
    pub(crate) begin: Instant,
    /// The end of the last timed turn.
    pub(crate) end: Instant,
    /// The number of the last timed turn, and whether the turn before it was timed too.
    timed_turn: u64,
    pub(crate) follows: bool,
    /// All turns up to this number are timed.
    watched_turn: u64,
    /// Since this time no poll has returned all ready events; and the processor time that was used by then.
    pub(crate) behind: Option<(Instant, Duration)>,
    /// Returns the processor time that this thread has used.
    cpu: fn() -> Option<Duration>,
    /// Its last result, and from when on it is too old for the begin of a turn.
    cpu_used: Duration,
    cpu_used_until: Instant,
}

/// The processor time of this thread. `None`: the system does not give it.
fn thread_cpu_time() -> Option<Duration> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).ok()?;
        Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    None
}

/// The part of a wait that this thread has caused: at most the processor time that it has used meanwhile.
pub(super) fn own_share(waited: Duration, used: Duration) -> Duration {
    if planted(62) { waited } else { waited.min(used) }
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Of short turns at most one in this many is timed.
const TURNS_PER_SAMPLE: u64 = 64;

/// How many turns are timed after more than a millisecond has passed between two turns.
const WATCHED_TURNS: u64 = 8;

impl Clock {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: Time(0),
            next: start + MILLISECOND,
            is_timed: false,
            begin: start,
            end: start,
            timed_turn: 0,
            follows: false,
            watched_turn: 0,
            behind: None,
            cpu: thread_cpu_time,
            cpu_used: Duration::ZERO,
            cpu_used_until: start,
        }
    }

    /// The lag up to `end` that this thread's own work can have caused: at most the processor time that it has used in this
    /// turn, and up to a millisecond before. In the rest of the time other threads had the processor, and refusing connections
    /// would not help against that. `is_full`: the poll may not have returned all events, and the next lag begins with this one.
    pub(crate) fn own_lag(&mut self, end: Instant, is_full: bool) -> Duration {
        let (since, used_before) = self.behind.take().unwrap_or((self.begin, self.cpu_used));
        if is_full {
            self.behind = Some((since, used_before));
        }
        let waited = end.saturating_duration_since(since);
        if waited < MILLISECOND {
            return waited;
        }
        let Some(used) = self.read_cpu(end) else { return waited };
        own_share(waited, used.saturating_sub(used_before))
    }

    fn read_cpu(&mut self, at: Instant) -> Option<Duration> {
        let used = (self.cpu)()?;
        (self.cpu_used, self.cpu_used_until) = (used, at + MILLISECOND);
        Some(used)
    }

    /// Begins a turn. Most turns are in the same millisecond as the one before, and cost two comparisons.
    #[inline(always)]
    pub(crate) fn tick(&mut self, at: Instant, turn: u64) {
        if at >= self.next {
            self.begin_millisecond(at, turn);
        } else if turn <= self.watched_turn {
            self.begin_timed(at, turn);
        }
    }

    /// An instant in whole milliseconds since the start.
    pub(crate) fn at(&self, at: Instant) -> Time {
        let passed = at.saturating_duration_since(self.start);
        Time(passed.as_secs() * 1000 + u64::from(passed.subsec_millis()))
    }

    /// How much later an instant is than the time of the last poll, in whole milliseconds.
    pub(crate) fn passed(&self, at: Instant) -> Duration {
        if at < self.next { Duration::ZERO } else { self.at(at).since(self.now) }
    }

    /// Moves to an instant.
    pub(crate) fn set(&mut self, at: Instant) {
        self.now = self.at(at);
        self.next = self.start + Duration::from_millis(self.now.0 + 1);
    }

    /// Another millisecond has begun; under load it is nearly always the next one. If not, a turn was long, or the
    /// reactor slept. So the next turns are timed, because long turns often alternate with short ones. Of short turns
    /// only a few are timed, because each costs another read of the clock.
    #[inline(never)]
    fn begin_millisecond(&mut self, at: Instant, turn: u64) {
        self.now = Time(self.now.0 + 1);
        self.next += MILLISECOND;
        if at >= self.next {
            self.set(at);
            self.watched_turn = turn + WATCHED_TURNS;
        }
        if turn <= self.watched_turn || turn - self.timed_turn >= TURNS_PER_SAMPLE {
            self.begin_timed(at, turn);
        }
    }

    #[inline(never)]
    fn begin_timed(&mut self, at: Instant, turn: u64) {
        self.follows = turn - self.timed_turn <= 1;
        (self.is_timed, self.begin, self.timed_turn) = (true, at, turn);
        if at >= self.cpu_used_until {
            // What earlier turns have used must not count for this one.
            self.read_cpu(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Runs a thousand turns with these lengths in microseconds, repeated, without sleep. Returns how many were timed,
    /// and for how many of these it is known that there was no sleep before.
    fn timed(lengths: &[u64]) -> (usize, usize) {
        let mut clock = Clock::new();
        let (mut at, mut timed, mut known) = (clock.start, 0, 0);
        for (turn, length) in (0..1000).zip(lengths.iter().cycle()) {
            clock.tick(at, turn);
            let is_timed = std::mem::take(&mut clock.is_timed);
            (timed, known) = (timed + usize::from(is_timed), known + usize::from(is_timed && clock.follows));
            at += Duration::from_micros(*length);
        }
        assert_eq!(
            clock.now.0,
            (at - clock.start - Duration::from_micros(lengths[999 % lengths.len()])).as_millis() as u64
        );
        (timed, known)
    }

    /// The fault: a server at its limit accepts in one turn and serves in the next, and only the short turns were
    /// timed.
    #[test]
    fn long_turns_are_timed_though_they_alternate_with_short_ones() {
        for lengths in [&[5000][..], &[5000, 20], &[20, 20, 5000, 20, 20, 20], &[2500, 40, 300]] {
            let (timed, known) = timed(lengths);
            assert!(timed >= 990 && known >= 990, "{timed} and {known} with {lengths:?}");
        }
    }

    #[test]
    fn of_short_turns_few_are_timed() {
        for lengths in [&[4][..], &[20], &[100], &[4, 20, 100]] {
            let (timed, _known) = timed(lengths);
            assert!(timed <= 1000 / 64 + 1, "{timed} with {lengths:?}");
        }
    }

    const MS: Duration = Duration::from_millis(1);

    /// Returns a thread's processor time.
    type Cpu = fn() -> Option<Duration>;

    /// A clock whose thread has the processor time that `cpu` returns.
    fn clock_with(cpu: Cpu) -> Clock {
        Clock { cpu, cpu_used: MS * 1000, ..Clock::new() }
    }

    /// B7: a server with little load refused 424 connections, because other processes kept the machine busy.
    #[test]
    fn processor_time_of_other_threads_is_no_lag() {
        let rows: [(Cpu, _, _); 5] = [
            (|| Some(MS * 1002), 50, 2),
            (|| Some(MS * 1050), 50, 50),
            (|| Some(MS * 1080), 50, 50),
            (|| Some(MS * 1000), 50, 0),
            (|| None, 50, 50),
        ];
        for (cpu, waited, lag) in rows {
            let mut clock = clock_with(cpu);
            let end = clock.begin + MS * waited;
            assert_eq!(clock.own_lag(end, false), MS * lag, "of {waited} ms");
        }
    }

    thread_local! {
        /// The processor time of a thread, and how often it was asked for.
        static USED: Cell<(Duration, usize)> = const { Cell::new((Duration::ZERO, 0)) };
    }

    fn cpu() -> Option<Duration> {
        let (used, times) = USED.get();
        USED.set((used, times + 1));
        Some(used)
    }

    /// The rows are turns: how many microseconds each takes, and for how many of them it has the processor. Returns how many were timed,
    /// and how often the processor time was asked for.
    fn check_lags(turns: impl Iterator<Item = (u64, u64)>) -> (usize, usize) {
        USED.set((MS * 77, 0));
        let mut clock = Clock { cpu, ..Clock::new() };
        let (mut at, mut timed) = (clock.start, 0);
        for (number, (length, used)) in (0..).zip(turns) {
            clock.tick(at, number);
            let [length, used] = [length, used].map(Duration::from_micros);
            at += length;
            let (before, times) = USED.get();
            USED.set((before + used, times));
            if std::mem::take(&mut clock.is_timed) {
                timed += 1;
                let lag = clock.own_lag(at, false);
                let most = length.min(used + MS);
                assert!(lag >= used && lag <= most, "turn {number}: {lag:?} of {length:?}, with {used:?}");
            }
        }
        (timed, USED.get().1)
    }

    /// The processor time of all turns since the last long one counted for a turn in which other threads had the processor.
    #[test]
    fn lag_is_the_processor_time_of_its_own_turn() {
        // Ten seconds with two of the processor, and then others have it, once or again and again.
        let short = || std::iter::repeat_n((500, 100), 20_000);
        let preempted = || std::iter::repeat_n((50_000, 1_000), 3);
        let alternating = || (0..200).map(|turn| if turn % 2 == 0 { (50_000, 0) } else { (900, 900) });
        let own = || std::iter::repeat_n((50_000, 50_000), 3);
        for (turns, timed_min) in [
            (short().chain(preempted()).collect::<Vec<_>>(), 300),
            (short().chain(alternating()).chain(own()).collect(), 500),
            (alternating().chain(short()).chain(own()).chain(preempted()).collect(), 500),
        ] {
            let (timed, _) = check_lags(turns.iter().copied());
            assert!(timed >= timed_min, "{timed} of {} turns", turns.len());
        }
    }

    #[test]
    fn the_processor_time_is_asked_for_once_a_millisecond_at_most() {
        for length in [4, 20, 100, 999] {
            let (_, times) = check_lags(std::iter::repeat_n((length, length), 10_000));
            assert!(times as u64 <= 10_000 * length / 1000 + 1, "{times} times in turns of {length} us");
        }
    }

    #[test]
    fn a_short_turn_asks_for_no_processor_time() {
        let mut clock = clock_with(|| unreachable!("it was not long"));
        let end = clock.begin + (MS - Duration::from_nanos(1));
        assert_eq!(clock.own_lag(end, false), end - clock.begin);
    }

    /// The lag counts from the first turn that did not take all events.
    #[test]
    fn lag_includes_all_turns_since_a_full_poll() {
        let mut clock = clock_with(|| Some(MS * 1030));
        let begin = clock.begin;
        assert_eq!(clock.own_lag(begin + MS * 40, true), MS * 30);
        (clock.cpu, clock.begin) = (|| Some(MS * 1055), begin + MS * 40);
        assert_eq!(clock.own_lag(begin + MS * 70, false), MS * 55, "of 70 ms in two turns");
        (clock.cpu, clock.begin) = (|| Some(MS * 1060), begin + MS * 70);
        assert_eq!(clock.own_lag(begin + MS * 100, false), MS * 5, "the last turn alone");
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    #[test]
    fn the_system_reports_the_processor_time_of_a_thread() {
        let before = thread_cpu_time().expect("Linux tells it");
        let mut sum = 0u64;
        while thread_cpu_time() == Some(before) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(thread_cpu_time() > Some(before));
    }
}
