//! Mailbox and budget as loom sees them: each test is run once for every order in which its threads can meet.
//!
//! Their sources are compiled a second time here, on top of loom's mutex and atomics and a signal that can be slept on.
//! Nobody wakes it and nobody looks without need, so a reactor that sleeps while a command waits sleeps for ever, and loom reports
//! that as a deadlock.

#[expect(unreachable_pub, dead_code, reason = "not all of what the reactor has is of use here")]
#[path = "../src/budget/mod.rs"]
mod budget;
#[expect(
    unreachable_pub,
    dead_code,
    reason = "it is public in its own crate, and not all of it is of use here"
)]
#[path = "../src/mailbox.rs"]
mod mailbox;

use budget::account::Account;
use budget::{Budget, Pressure};
use loom::thread::{self, JoinHandle};
use mailbox::{Mailbox, PostError};
use planted::select;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use sync::{Signal, Waker};

/// What the mailbox finds in the reactor at the same path.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard, Notify};
    use std::io;
    pub(crate) use std::sync::{Arc, PoisonError};

    /// What a reactor sleeps on: a wake before it sleeps is not lost, as with an event queue.
    #[derive(Debug, Default)]
    pub(crate) struct Signal {
        notify: Notify,
        /// Not seen by loom, so that counting does not add orders.
        pub(crate) wakes: std::sync::atomic::AtomicUsize,
    }

    #[derive(Debug)]
    pub(crate) struct Waker(pub(crate) Arc<Signal>);

    impl Signal {
        pub(crate) fn sleep(&self) {
            self.notify.wait();
        }
    }

    impl Waker {
        pub(crate) fn wake(&self) -> io::Result<()> {
            self.0.wakes.fetch_add(1, Ordering::Relaxed);
            self.0.notify.notify();
            Ok(())
        }
    }
}

/// All threads of a model are one to the operating system, so that a bug stays with the test that selects it.
mod planted {
    use std::cell::Cell;

    thread_local!(static SELECTED: Cell<u32> = const { Cell::new(0) });

    pub(crate) fn select(bug: u32) {
        SELECTED.set(bug);
    }

    pub(crate) fn planted(bug: u32) -> bool {
        SELECTED.get() == bug
    }
}

/// Who wrote a command, and which of his it is.
type Command = (usize, usize);

/// A reactor as far as its mailbox is concerned.
struct Reactor {
    mailbox: Arc<Mailbox<Command>>,
    signal: Arc<Signal>,
    /// How often it looked into its box.
    looks: usize,
}

impl Reactor {
    fn new(commands_max: usize) -> Self {
        let signal = Arc::new(Signal::default());
        let mailbox = Arc::new(Mailbox::new(Some(Waker(signal.clone())), commands_max, usize::MAX));
        Self { mailbox, signal, looks: 0 }
    }

    fn poster(&self, post: impl FnOnce(&Mailbox<Command>) + 'static) -> JoinHandle<()> {
        let mailbox = self.mailbox.clone();
        thread::spawn(move || post(&mailbox))
    }

    /// Sleeps until it is woken and takes what is there, until it has seen that many commands.
    fn see(&mut self, commands: usize) -> Vec<Command> {
        let mut seen = Vec::new();
        while seen.len() < commands {
            self.signal.sleep();
            let mut batch = Vec::new();
            self.mailbox.take(&mut batch, usize::MAX);
            self.looks += 1;
            seen.append(&mut batch);
            // Where the planted bug has its place.
            if planted::planted(16) {
                self.mailbox.clear_woken();
            }
        }
        seen
    }

    fn wakes(&self) -> usize {
        self.signal.wakes.load(Ordering::Relaxed)
    }
}

fn of(poster: usize, commands: &[Command]) -> impl Iterator<Item = usize> {
    commands.iter().filter(move |command| command.0 == poster).map(|command| command.1)
}

/// Posters that write a number of commands each, and a reactor that sleeps until it is woken.
fn check<const POSTERS: usize>(commands: [usize; POSTERS]) {
    loom::model(move || {
        let mut reactor = Reactor::new(10);
        let mut poster = 0;
        let posters = commands.map(|commands| {
            poster += 1;
            let name = poster - 1;
            reactor.poster(move |mailbox| {
                (0..commands).for_each(|n| assert_eq!(mailbox.post((name, n), 1), Ok(())));
            })
        });
        let seen = reactor.see(commands.iter().sum());
        posters.into_iter().for_each(|poster| poster.join().expect("it does not fail"));
        for (poster, &commands) in commands.iter().enumerate() {
            assert!(of(poster, &seen).eq(0..commands), "each once, in the order of its poster: {seen:?}");
        }
        let (wakes, looks) = (reactor.wakes(), reactor.looks);
        assert!((1..=looks + 1).contains(&wakes), "{wakes} wakes for {looks} looks");
    });
}

#[test]
fn no_reactor_sleeps_while_a_command_waits_and_the_waker_is_used_once_a_batch() {
    check([1, 1]);
    check([2]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_waker_that_is_cleared_after_the_commands_were_read() {
    select(16);
    check([1, 1]);
}

#[test]
fn a_full_box_gives_the_command_back_and_keeps_a_reserved_place() {
    let refused = Arc::new([(); 2].map(|()| AtomicUsize::new(0)));
    let counts = refused.clone();
    loom::model(move || {
        let mut reactor = Reactor::new(1);
        let posters = [0, 1].map(|poster| {
            let counts = counts.clone();
            reactor.poster(move |mailbox| {
                let answer = mailbox.post((poster, 0), 1);
                counts[usize::from(answer.is_err())].fetch_add(1, Ordering::Relaxed);
                // Refused or not, each of the two commands gets in once.
                if let Err(PostError::Full(command)) = answer {
                    assert_eq!(command, (poster, 0));
                    mailbox.post_reserved(command, 1);
                }
            })
        });
        let mut seen = reactor.see(2);
        seen.sort_unstable();
        assert_eq!(seen, [(0, 0), (1, 0)]);
        posters.into_iter().for_each(|poster| poster.join().expect("it does not fail"));
        assert!(reactor.mailbox.is_empty());
    });
    assert!(refused.iter().all(|count| count.load(Ordering::Relaxed) > 0), "both answers occur: {refused:?}");
}

/// What a reactor does that charges these one after the other for one place, and tells of pressure and of its end. One that
/// charges nothing looks because the other found pressure.
fn hear(account: &mut Account, bookings: &[usize]) -> Vec<Pressure> {
    let mut place = 0;
    let mut told: Vec<_> =
        account.is_high().then(|| account.take_pressure_change()).flatten().into_iter().collect();
    for bytes in bookings {
        let grew = account.set_charge(&mut place, *bytes);
        let is_due = (grew && account.is_high()) || (account.is_strained() && account.is_relieved());
        told.extend(is_due.then(|| account.take_pressure_change()).flatten());
    }
    told
}

/// A reactor that looked just when the other gave all back reported pressure, and its end was never reported.
#[test]
fn pressure_on_two_reactors_ends_as_often_as_it_begins() {
    for bookings in [&[450_000, 0][..], &[]] {
        let pressed = Arc::new(AtomicUsize::new(0));
        let count = pressed.clone();
        loom::model(move || {
            let budget = Arc::new(Budget::new(1_000_000));
            let [mut one, mut other] = [(); 2].map(|()| Account::new(budget.clone()));
            let there = thread::spawn(move || (hear(&mut one, bookings), one));
            let mut told = hear(&mut other, &[900_000, 0]);
            let (told_there, _one) = there.join().expect("it does not fail");
            told.extend(told_there);
            let highs = told.iter().filter(|told| **told == Pressure::High).count();
            assert_eq!(highs * 2, told.len(), "{told:?}");
            assert!(!budget.is_pressed());
            count.fetch_add(highs, Ordering::Relaxed);
        });
        assert!(pressed.load(Ordering::Relaxed) > 0, "the orders in which there is pressure are among them");
    }
}
