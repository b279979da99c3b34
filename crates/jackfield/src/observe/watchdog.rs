//! The watchdog: a thread that looks at the reactors from outside, and reports callbacks that run too long.
//!
//! A reactor stores which connection's callback runs, a few stores for each read. The watchdog reads that several times
//! within the shortest time that counts as slow. If it sees the same callback again, the callback has run at least
//! since it was first seen. While a reactor is held up, new connections go to the others; if it is the accepting
//! reactor, another accepts in its place.

use crate::config::Limits;
use crate::shared::{Callback, Command, Handle, NAMES, RemoteReactor, Settings, SlowCallback};
use jackfield_reactor::ConnectionId;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The thread. It ends when this is dropped.
pub(crate) struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a reactor was doing at a look. If all of it is unchanged, it is still the same callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sight {
    at: u64,
    doing: u64,
    turns: u64,
    callbacks: u64,
    requests: u64,
    messages: u64,
}

/// The state of one reactor.
#[derive(Debug, Default)]
struct Watch {
    sight: Sight,
    since: Duration,
    reported: Reported,
}

/// Which reports of a callback were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reported {
    #[default]
    Nothing,
    Slow,
    Stalled,
}

/// The result of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing new.
    Nothing,
    /// A callback has run for this time, and it is time to report it.
    Slow(Duration),
    Stalled(Duration),
    /// The reported callback has ended.
    Over,
}

impl Watchdog {
    pub(crate) fn start(handle: &Handle, settings: &Arc<Settings>) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let (handle, settings, stopped) = (handle.clone(), settings.clone(), stop.clone());
        let thread = thread::Builder::new().name("watchdog".into());
        let thread = thread.spawn(move || watch(&handle, &settings, &stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread can't panic, because panics of observers are caught.
            let _ = thread.join();
        }
    }
}

/// Runs until it is stopped. To park costs fewer instructions for each look than to wait at a channel.
fn watch(handle: &Handle, settings: &Settings, stopped: &AtomicBool) {
    let begin = Instant::now();
    let remotes = &handle.shared().remotes;
    let mut watches: Vec<Watch> = remotes.iter().map(|_| Watch::default()).collect();
    let mut deputy = None;
    let mut wait = pause(&watches, settings.limits.callback_slow);
    loop {
        thread::park_timeout(wait);
        if stopped.load(Ordering::Acquire) {
            return;
        }
        let now = begin.elapsed();
        for (reactor, (watch, remote)) in watches.iter_mut().zip(remotes).enumerate() {
            let found = watch.look(now, Sight::of(remote), &settings.limits);
            report(settings, reactor, remote, watch.sight, found);
        }
        appoint(remotes, &mut deputy);
        wait = pause(&watches, settings.limits.callback_slow);
    }
}

/// The time until the next look. While a callback runs, looks are more frequent, so that it is reported after at most
/// one and a half times the limit. That leaves some time for a busy machine.
fn pause(watches: &[Watch], slow: Duration) -> Duration {
    let is_any_busy = watches.iter().any(|watch| watch.sight.is_callback());
    let wait = if is_any_busy { slow / 6 } else { slow / 3 };
    wait.max(Duration::from_millis(1))
}

fn report(settings: &Settings, reactor: usize, remote: &RemoteReactor, sight: Sight, found: Verdict) {
    let (running, is_stalled) = match found {
        Verdict::Nothing => return,
        Verdict::Over => return remote.held_up.store(false, Ordering::Relaxed),
        Verdict::Slow(running) => (running, false),
        Verdict::Stalled(running) => (running, true),
    };
    remote.held_up.store(true, Ordering::Relaxed);
    let metrics = &remote.metrics;
    let counter = if is_stalled { &metrics.stalled_callbacks } else { &metrics.slow_callbacks };
    counter.add(1);
    let callback = NAMES.get(sight.doing as usize).copied().unwrap_or_default();
    let connection = ConnectionId::from_bits(sight.at);
    settings.observer.on_slow_callback(&SlowCallback { reactor, connection, callback, running, is_stalled });
}

/// While the accepting reactor is held up, another accepts, and one more if that is held up too. The commands are
/// reserved, so that a full mailbox does not matter.
fn appoint(remotes: &[RemoteReactor], deputy: &mut Option<usize>) {
    let is_held_up = |reactor: usize| remotes[reactor].held_up.load(Ordering::Relaxed);
    let next = match *deputy {
        _ if !is_held_up(0) => None,
        Some(deputy) if !is_held_up(deputy) => Some(deputy),
        _ => (1..remotes.len()).find(|&reactor| !is_held_up(reactor)),
    };
    if next != *deputy {
        let commands = [(deputy.take(), false), (next, true)];
        for (reactor, stands_in) in
            commands.into_iter().filter_map(|(reactor, order)| Some((reactor?, order)))
        {
            // A reactor that has ended accepts nothing.
            let _ = remotes[reactor].post_reserved(Command::StandIn(stands_in));
        }
        *deputy = next;
    }
}

impl Sight {
    fn of(remote: &RemoteReactor) -> Self {
        let metrics = &remote.metrics;
        let wires = OnceLock::get(&metrics.wires);
        let Some(wires) = wires else { return Self::default() };
        Self {
            at: wires.at.value(),
            doing: wires.doing.value(),
            turns: wires.turns.value(),
            callbacks: metrics.callbacks.value(),
            requests: metrics.requests.value(),
            messages: metrics.messages_in.value(),
        }
    }

    fn is_callback(&self) -> bool {
        // A tick belongs to no connection. Between two events there is another mark.
        let is_of_none = self.at == ConnectionId::NONE.to_bits();
        let is_of_one = ConnectionId::from_bits(self.at) != ConnectionId::NONE;
        self.doing != Callback::None as u64 && (is_of_none || is_of_one)
    }
}

impl Watch {
    fn look(&mut self, now: Duration, sight: Sight, limits: &Limits) -> Verdict {
        if sight != self.sight || !sight.is_callback() {
            let was_reported = self.reported > Reported::Nothing;
            *self = Self { sight, since: now, reported: Reported::Nothing };
            return if was_reported { Verdict::Over } else { Verdict::Nothing };
        }
        let running = now - self.since;
        // Each that stalls is reported as slow before, even if this thread was kept from looking meanwhile.
        if running >= limits.callback_slow && self.reported < Reported::Slow {
            self.reported = Reported::Slow;
            Verdict::Slow(running)
        } else if running >= limits.callback_stall && self.reported < Reported::Stalled {
            self.reported = Reported::Stalled;
            Verdict::Stalled(running)
        } else {
            Verdict::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Plays a reactor's acts, and a watchdog that looks at it. Returns what was found, and when.
    fn play(acts: &[(u64, Sight)], end: u64) -> Vec<(u64, Verdict)> {
        let limits = Limits::default();
        let mut watch = Watch::default();
        let (mut now, mut all) = (0, Vec::new());
        while now < end * 10 {
            let sight = acts.iter().rev().find(|(begin, _)| begin * 10 <= now).unwrap().1;
            match watch.look(MS * now as u32 / 10, sight, &limits) {
                Verdict::Nothing => {}
                found => all.push((now / 10, found)),
            }
            let wait = pause(std::slice::from_ref(&watch), limits.callback_slow);
            now += wait.as_micros() as u64 / 100;
        }
        all
    }

    fn asleep(turns: u64) -> Sight {
        Sight { at: u64::MAX - 2, doing: Callback::Message as u64, turns, ..Sight::default() }
    }

    fn message(turns: u64, messages: u64) -> Sight {
        Sight {
            at: ConnectionId::new(0, 0, 7).to_bits(),
            doing: Callback::Message as u64,
            turns,
            messages,
            ..Sight::default()
        }
    }

    #[test]
    fn n11_a_slow_callback_is_reported_within_twice_the_threshold() {
        for begin in 100..120 {
            let found = play(&[(0, asleep(1)), (begin, message(2, 1)), (begin + 50, asleep(2))], 300);
            let [(reported, Verdict::Slow(running)), (_, Verdict::Over)] = found[..] else {
                panic!("{found:?}")
            };
            assert!(
                (begin + 10..=begin + 16).contains(&reported),
                "it began at {begin}, and was reported at {reported}"
            );
            assert!(running >= MS * 10 && running <= MS * (reported - begin + 1) as u32, "{running:?}");
        }
    }

    #[test]
    fn n11_a_stall_is_reported_again_after_a_second() {
        let found = play(&[(0, asleep(1)), (100, message(2, 1)), (3100, asleep(2))], 4000);
        let [(_, Verdict::Slow(_)), (reported, Verdict::Stalled(_)), (over, Verdict::Over)] = found[..]
        else {
            panic!("{found:?}")
        };
        assert!((1100..1110).contains(&reported) && (3100..3106).contains(&over), "{found:?}");
    }

    /// The watchdog had no processor while the callback became slow and then stalled.
    #[test]
    fn n11_a_stall_that_is_seen_late_is_reported_as_slow_too() {
        let (limits, mut watch) = (Limits::default(), Watch::default());
        let mut look = |seconds: u64| watch.look(Duration::from_secs(seconds), message(2, 1), &limits);
        assert_eq!([look(1), look(10)], [Verdict::Nothing, Verdict::Slow(Duration::from_secs(9))]);
        assert_eq!([look(11), look(12)], [Verdict::Stalled(Duration::from_secs(10)), Verdict::Nothing]);
    }

    #[test]
    fn n11_many_short_callbacks_in_one_turn_are_not_slow() {
        let mut acts = vec![(0, asleep(1))];
        acts.extend((0..100).map(|n| (100 + n * 9, message(2, n))));
        acts.push((1000, asleep(2)));
        assert_eq!(play(&acts, 1200), []);
        // The fault: of values that were posted to one connection nothing was counted.
        let posts = |callbacks| Sight { doing: Callback::Post as u64, callbacks, ..message(2, 0) };
        let mut acts = vec![(0, asleep(1))];
        acts.extend((0..100).map(|n| (100 + n * 9, posts(n))));
        acts.push((1000, asleep(2)));
        assert_eq!(play(&acts, 1200), []);
    }

    #[test]
    fn n11_sleep_and_the_servers_own_work_are_no_callbacks() {
        let own = Sight { doing: Callback::None as u64, ..message(2, 0) };
        assert_eq!(play(&[(0, asleep(1)), (1000, own)], 3000), []);
    }

    #[test]
    fn n11_every_callback_has_its_name() {
        assert_eq!(NAMES[Callback::None as usize], "");
        assert_eq!(NAMES[Callback::Create as usize], "ClientFactory::create");
        let named = [
            (Callback::Connect, "on_connect"),
            (Callback::Head, "on_head"),
            (Callback::Body, "on_body"),
            (Callback::Request, "on_request"),
            (Callback::Upgrade, "on_upgrade"),
            (Callback::Open, "on_open"),
            (Callback::Message, "on_message"),
            (Callback::Control, "on_control"),
            (Callback::Data, "on_data"),
            (Callback::Line, "on_line"),
            (Callback::Timer, "on_timer"),
            (Callback::Post, "on_post"),
            (Callback::Drain, "on_drain"),
            (Callback::Disconnect, "on_disconnect"),
        ];
        assert!(named.iter().all(|(callback, name)| NAMES[*callback as usize] == *name));
    }
}
