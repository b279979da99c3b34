//! A reactor, as other threads see it.

use crate::config::Limits;
use crate::shared::command::Command;
use crate::shared::metrics::ReactorMetrics;
use crate::shared::quota::Quota;
use crate::shared::state::Busy;
use jackfield_reactor::mio::Waker;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{Budget, Generations, Mailbox, PostError, Wires};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The part of a reactor that other threads use.
pub(crate) struct RemoteReactor {
    mailbox: Mailbox<Command>,
    /// Commands that wait in the mailbox are charged to it.
    budget: Arc<Budget>,
    /// Connections that it has, or that are on their way to it.
    pub(crate) load: AtomicUsize,
    pub(crate) metrics: Arc<ReactorMetrics>,
    /// Which connections it has; listed are those that have a client.
    pub(crate) roster: Generations,
    /// New connections that it still admits, if it is overloaded.
    pub(crate) quota: Quota,
    /// It was asked to look at its listeners, and has not looked yet.
    pub(crate) is_to_look: AtomicBool,
    /// New connections wait at its listeners until others end.
    pub(crate) waits_for_room: AtomicBool,
    /// The watchdog has seen a callback that runs too long there.
    pub(crate) held_up: AtomicBool,
}

impl RemoteReactor {
    /// The remote part of the reactor with these wires; it shares their budget.
    pub(crate) fn new(waker: Option<Waker>, limits: &Limits, wires: &Wires) -> Self {
        let metrics = Arc::new(ReactorMetrics::default());
        // It is set only here.
        let _ = metrics.wires.set(wires.stats().clone());
        Self {
            mailbox: Mailbox::new(waker, limits.mailbox_max, limits.mailbox_bytes_max),
            budget: wires.budget().clone(),
            load: AtomicUsize::new(0),
            metrics,
            roster: wires.generations().clone(),
            quota: Quota::default(),
            is_to_look: AtomicBool::new(false),
            waits_for_room: AtomicBool::new(false),
            held_up: AtomicBool::new(false),
        }
    }

    /// The budget of its server.
    pub(crate) fn budget(&self) -> Arc<Budget> {
        self.budget.clone()
    }

    /// Puts a command into its mailbox.
    ///
    /// # Errors
    /// [`Busy`].
    pub(crate) fn post(&self, command: Command) -> Result<(), Busy> {
        let bytes = command.bytes();
        self.post_of(command, bytes)
    }

    /// The same for a command that shares its bytes with others; `bytes` is its part.
    pub(crate) fn post_of(&self, command: Command, bytes: usize) -> Result<(), Busy> {
        self.try_post(command, bytes).map_or(Ok(()), |(why, _)| Err(why))
    }

    /// The same, but a command that is refused is given back.
    pub(crate) fn try_post(&self, command: Command, bytes: usize) -> Option<(Busy, Command)> {
        // Charged first, because it may be taken out before this thread goes on.
        self.budget.charge(bytes);
        let refused = match self.mailbox.post(command, bytes) {
            Ok(()) => return None,
            Err(PostError::Full(command)) => (Busy::Full, command),
            Err(PostError::Closed(command)) => (Busy::Stopped, command),
        };
        self.budget.give_back(bytes);
        Some(refused)
    }

    /// Puts a command in that must not be refused. A reactor that has ended gives it back.
    pub(crate) fn post_reserved(&self, command: Command) -> Option<Command> {
        let bytes = command.bytes();
        self.budget.charge(bytes);
        let refused = self.mailbox.post_reserved(command, bytes);
        if refused.is_some() {
            self.budget.give_back(bytes);
        }
        refused
    }

    /// Closes the mailbox, because its reactor has ended. Commands that wait can still be taken out.
    pub(crate) fn close(&self) {
        if !planted(103) {
            self.mailbox.close();
        }
    }

    /// Takes some commands out. True if others are left.
    pub(crate) fn take(&self, into: &mut Vec<Command>, most: usize) -> bool {
        let taken = self.mailbox.take(into, most);
        self.budget.give_back(taken.bytes);
        taken.more
    }

    /// Puts commands back in front of those that wait: they are done in the next turn.
    pub(crate) fn put_back(&self, commands: impl DoubleEndedIterator<Item = Command>) {
        let bytes = self.mailbox.put_back(commands, Command::bytes);
        self.budget.charge(bytes);
    }

    /// True if a command has come since the mailbox was last read.
    #[cfg(feature = "test-util")]
    pub(crate) fn has_commands(&self) -> bool {
        self.mailbox.has_commands()
    }

    /// The number of commands that wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.mailbox.len(), self.mailbox.bytes())
    }

    /// For a planted bug, which does this later than [`RemoteReactor::take`].
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn clear_woken(&self) {
        self.mailbox.clear_woken();
    }

    /// True if it can't take a new connection now.
    pub(crate) fn is_away(&self) -> bool {
        self.held_up.load(Ordering::Relaxed) || self.quota.is_empty()
    }
}
