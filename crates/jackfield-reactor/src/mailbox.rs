//! Commands from other threads to a reactor.

use crate::planted::planted;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, Waker};
use std::collections::VecDeque;

/// A queue of commands to one reactor, from any thread. Its length is limited in commands and in bytes. The first command
/// of a batch wakes the reactor, which takes some commands in each turn. No caller ever waits: a full queue returns the
/// command.
#[derive(Debug)]
pub struct Mailbox<M> {
    inside: Mutex<Inside<M>>,
    woken: AtomicBool,
    waker: Option<Waker>,
    commands_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Inside<M> {
    commands: VecDeque<Posted<M>>,
    /// The number of commands that count towards `commands_max`.
    counted: usize,
    /// Bytes of all commands.
    bytes: usize,
    /// The reactor has ended and takes no more commands.
    is_closed: bool,
}

#[derive(Debug)]
struct Posted<M> {
    command: M,
    bytes: usize,
    counts: bool,
}

/// Why a command was not queued. The command is returned.
#[derive(Debug, PartialEq, Eq)]
pub enum PostError<M> {
    /// The queue is full.
    Full(M),
    /// The queue is closed.
    Closed(M),
}

/// What [`Mailbox::take`] has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The bytes of the taken commands.
    pub bytes: usize,
    /// Commands are left. The reactor will not be woken for them.
    pub more: bool,
}

/// The first capacity. Later it grows by a tenth, so that little memory is charged to no command.
const PLACES_FIRST: usize = 64;

/// The capacity that an empty mailbox keeps.
const PLACES_KEPT: usize = 1024;

impl<M> Mailbox<M> {
    /// A queue for `commands_max` commands and `bytes_max` bytes. Only the bytes that are queued already are compared with
    /// `bytes_max`, so no command is refused for its own size. Without a waker the owner must look into the queue by
    /// itself, as the in-memory driver does in each turn.
    pub fn new(waker: Option<Waker>, commands_max: usize, bytes_max: usize) -> Self {
        let inside = Mutex::new(Inside { commands: VecDeque::new(), counted: 0, bytes: 0, is_closed: false });
        Self { inside, woken: AtomicBool::new(false), waker, commands_max, bytes_max }
    }

    /// Queues a command that counts for this many bytes, and wakes the reactor.
    ///
    /// # Errors
    /// [`PostError::Full`]: the limit of commands or of bytes is reached. [`PostError::Closed`]: the reactor has ended.
    pub fn post(&self, command: M, bytes: usize) -> Result<(), PostError<M>> {
        let mut inside = self.lock();
        if inside.is_closed {
            return Err(PostError::Closed(command));
        }
        if inside.counted >= self.commands_max || inside.bytes >= self.bytes_max {
            return if planted(58) { Ok(()) } else { Err(PostError::Full(command)) };
        }
        inside.counted += 1;
        inside.push(Posted { command, bytes, counts: true });
        drop(inside);
        self.wake();
        Ok(())
    }

    /// Queues a command beyond the limits. Only for commands whose number is limited elsewhere, such as one answer for each
    /// connection. If the queue is closed, the command is returned.
    pub fn post_reserved(&self, command: M, bytes: usize) -> Option<M> {
        let mut inside = self.lock();
        if inside.is_closed {
            return Some(command);
        }
        inside.push(Posted { command, bytes, counts: false });
        drop(inside);
        self.wake();
        None
    }

    /// Closes the queue: no more commands can be posted. Those in it can still be taken.
    pub fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Moves at most `most` commands to the end of `into`, the oldest first. Allocates nothing if `into` has enough
    /// capacity.
    pub fn take(&self, into: &mut Vec<M>, most: usize) -> Taken {
        // The mark is cleared first, by a swap. A thread that set it before has added its command, which is seen here. A
        // thread that sets it later finds it cleared, and wakes the reactor.
        self.woken.swap(planted(16), Ordering::AcqRel);
        let mut inside = self.lock();
        let Inside { commands, counted, bytes, .. } = &mut *inside;
        let count = commands.len().min(most);
        let mut taken = Taken { bytes: 0, more: commands.len() > count };
        for posted in commands.drain(..count) {
            *counted -= usize::from(posted.counts);
            taken.bytes += posted.bytes;
            into.push(posted.command);
        }
        *bytes -= taken.bytes;
        if commands.is_empty() {
            // Memory of a peak is freed.
            commands.shrink_to(PLACES_KEPT);
        }
        taken
    }

    /// Puts commands that were taken back in front of all others, in their order; nobody is woken for them. `bytes` returns what a
    /// command counts for. They do not count towards the limit of commands any more. Returns the bytes of all of them.
    pub fn put_back(
        &self,
        commands: impl DoubleEndedIterator<Item = M>,
        bytes: impl Fn(&M) -> usize,
    ) -> usize {
        let mut inside = self.lock();
        let before = inside.bytes;
        for command in commands.rev() {
            let bytes = bytes(&command);
            inside.make_room();
            inside.bytes += bytes;
            inside.commands.push_front(Posted { command, bytes, counts: false });
        }
        inside.bytes - before
    }

    /// True if a command was posted after the last [`Mailbox::take`].
    pub fn has_commands(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// How many commands are queued.
    pub fn len(&self) -> usize {
        self.lock().commands.len()
    }

    /// True if no command is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the queued commands.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Clears the mark: what `take` does, for the bug that does it too late.
    #[cfg(any(test, feature = "planted-bugs"))]
    pub fn clear_woken(&self) {
        self.woken.store(false, Ordering::Release);
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            if let Some(waker) = &self.waker {
                // This fails only if the descriptor is gone, and then the reactor is gone too.
                let _ = waker.wake();
            }
        }
    }

    /// A panic can't leave the fields inconsistent, so a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Inside<M>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Inside<M> {
    fn push(&mut self, posted: Posted<M>) {
        self.bytes += posted.bytes;
        self.make_room();
        self.commands.push_back(posted);
    }

    /// Makes room for one more command.
    fn make_room(&mut self) {
        if self.commands.len() == self.commands.capacity() {
            self.commands.reserve_exact((self.commands.len() / 10).max(PLACES_FIRST));
        }
    }
}
