//! Commands from other threads: the only place where threads meet.

use crate::planted::planted;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, Waker};
use std::collections::VecDeque;

/// A box of commands for one reactor, bounded in number and in bytes. The first command of a batch wakes the reactor,
/// which takes some in each turn. Nobody ever waits: a full box gives the command back.
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
    /// Those of them that count towards `commands_max`.
    counted: usize,
    /// Bytes of all of them.
    bytes: usize,
    /// Its owner has ended, and will never look into it again.
    is_closed: bool,
}

#[derive(Debug)]
struct Posted<M> {
    command: M,
    bytes: usize,
    counts: bool,
}

/// Why a command was not put in; here it is back.
#[derive(Debug, PartialEq, Eq)]
pub enum PostError<M> {
    /// The box is full.
    Full(M),
    /// The box is closed.
    Closed(M),
}

/// What was taken out of a box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes of the commands that were taken.
    pub bytes: usize,
    /// Others are left: nobody will be woken for them.
    pub more: bool,
}

/// Room for commands at first. Later it grows by a tenth, so that what no command pays for is small.
const PLACES_FIRST: usize = 64;

/// Room for commands that an empty box keeps.
const PLACES_KEPT: usize = 1024;

impl<M> Mailbox<M> {
    /// A box for `commands_max` commands of `bytes_max` bytes together. As with an outbox, what lay there before is
    /// compared with the bound in bytes, so that no command is refused for its own size. Without a waker nobody is woken:
    /// the owner of the box must look into it, as the in-memory driver does at every turn.
    pub fn new(waker: Option<Waker>, commands_max: usize, bytes_max: usize) -> Self {
        let inside = Mutex::new(Inside { commands: VecDeque::new(), counted: 0, bytes: 0, is_closed: false });
        Self { inside, woken: AtomicBool::new(false), waker, commands_max, bytes_max }
    }

    /// Puts a command in that takes so many bytes, or gives it back if the box is full or closed.
    ///
    /// # Errors
    /// [`PostError::Full`]: as many commands, or as many bytes, wait already as may. [`PostError::Closed`]: nobody will
    /// ever look into the box again.
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

    /// Puts a command in that must not be refused, on top of those that count: for what is bounded elsewhere, such as
    /// the one answer that a connection may owe. A closed box gives it back.
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

    /// Closes the box for good: its owner has ended. What is in it can still be taken.
    pub fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Moves the first `most` commands to the end of `into`. It allocates nothing once `into` has grown.
    pub fn take(&self, into: &mut Vec<M>, most: usize) -> Taken {
        // The mark is cleared first, and by a swap: a thread that set it before has put its command in, as is seen here,
        // and a thread that sets it later finds it cleared.
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
            // A peak is not kept.
            commands.shrink_to(PLACES_KEPT);
        }
        taken
    }

    /// True if a command was put in since the box was last looked into.
    pub fn has_commands(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Commands that wait, woken for or not.
    pub fn len(&self) -> usize {
        self.lock().commands.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the commands that wait.
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
                // Fails only if the descriptor is gone, and then the reactor is gone as well.
                let _ = waker.wake();
            }
        }
    }

    /// A panic cannot leave the fields at odds, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inside<M>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Inside<M> {
    fn push(&mut self, posted: Posted<M>) {
        self.bytes += posted.bytes;
        if self.commands.len() == self.commands.capacity() {
            self.commands.reserve_exact((self.commands.len() / 10).max(PLACES_FIRST));
        }
        self.commands.push_back(posted);
    }
}
