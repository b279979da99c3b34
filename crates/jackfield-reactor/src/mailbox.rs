//! Commands from other threads: the only place where threads meet.

use crate::planted::planted;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, Waker};

/// A bounded box of commands for one reactor. The first command of a batch wakes the reactor, which takes the whole
/// batch at once. Nobody ever waits: a full box gives the command back.
#[derive(Debug)]
pub struct Mailbox<M> {
    inside: Mutex<Inside<M>>,
    woken: AtomicBool,
    waker: Option<Waker>,
    commands_max: usize,
}

#[derive(Debug)]
struct Inside<M> {
    commands: Vec<M>,
    /// Those of them that count towards `commands_max`.
    counted: usize,
}

/// The box was full; here is the command back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<M>(pub M);

impl<M> Mailbox<M> {
    /// A box for `commands_max` commands. Without a waker nobody is woken: the owner of the box must look into it, as
    /// the in-memory driver does at every turn.
    pub fn new(waker: Option<Waker>, commands_max: usize) -> Self {
        let inside = Mutex::new(Inside { commands: Vec::new(), counted: 0 });
        Self { inside, woken: AtomicBool::new(false), waker, commands_max }
    }

    /// Puts a command in, or gives it back if the box is full.
    pub fn post(&self, command: M) -> Result<(), Full<M>> {
        let mut inside = self.lock();
        if inside.counted >= self.commands_max {
            return Err(Full(command));
        }
        inside.counted += 1;
        inside.commands.push(command);
        drop(inside);
        self.wake();
        Ok(())
    }

    /// Puts a command in that must not be refused, on top of those that count: for what is bounded elsewhere, such as
    /// the one answer that a connection may owe.
    pub fn post_reserved(&self, command: M) {
        self.lock().commands.push(command);
        self.wake();
    }

    /// Moves all commands into `into`, which should be empty: the two vectors change places, so neither allocates
    /// once both have grown.
    pub fn take(&self, into: &mut Vec<M>) {
        // The mark is cleared first, and by a swap: a thread that set it before has put its command in, as is seen here,
        // and a thread that sets it later finds it cleared.
        self.woken.swap(planted(16), Ordering::AcqRel);
        let mut inside = self.lock();
        inside.counted = 0;
        std::mem::swap(&mut inside.commands, into);
    }

    /// True if a command waits.
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

    /// A panic cannot leave the two fields at odds, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inside<M>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
