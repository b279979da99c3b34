//! Letters from other threads: the only place where threads meet.

use crate::planted::planted;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, Waker};

/// A bounded box of letters for one reactor. The first letter of a batch rings the bell; the reactor takes the whole
/// batch at once. Nobody ever waits: a full box gives the letter back.
#[derive(Debug)]
pub struct Mailbox<M> {
    inside: Mutex<Inside<M>>,
    rung: AtomicBool,
    waker: Option<Waker>,
    letters_max: usize,
}

#[derive(Debug)]
struct Inside<M> {
    letters: Vec<M>,
    /// Those of them that count towards `letters_max`.
    counted: usize,
}

/// The box was full; here is the letter back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<M>(pub M);

impl<M> Mailbox<M> {
    /// A box for `letters_max` letters. Without a waker nobody is woken: whoever owns the box must look into it, as
    /// the in-memory driver does at every turn.
    pub fn new(waker: Option<Waker>, letters_max: usize) -> Self {
        let inside = Mutex::new(Inside { letters: Vec::new(), counted: 0 });
        Self { inside, rung: AtomicBool::new(false), waker, letters_max }
    }

    /// Puts a letter in, or gives it back if the box is full.
    pub fn post(&self, letter: M) -> Result<(), Full<M>> {
        let mut inside = self.lock();
        if inside.counted >= self.letters_max {
            return Err(Full(letter));
        }
        inside.counted += 1;
        inside.letters.push(letter);
        drop(inside);
        self.ring();
        Ok(())
    }

    /// Puts a letter in that must not be refused, on top of those that count: for what is bounded elsewhere, such as
    /// the one answer that a connection may owe.
    pub fn post_reserved(&self, letter: M) {
        self.lock().letters.push(letter);
        self.ring();
    }

    /// Moves all letters into `into`, which should be empty: the two vectors change places, so neither allocates
    /// once both have grown.
    pub fn take(&self, into: &mut Vec<M>) {
        // The bell is cleared first, and by a swap: whoever rang before it has put his letter in, as is seen here, and
        // whoever rings after it finds it cleared.
        self.rung.swap(planted(16), Ordering::AcqRel);
        let mut inside = self.lock();
        inside.counted = 0;
        std::mem::swap(&mut inside.letters, into);
    }

    /// True if a letter waits.
    pub fn has_letters(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Letters that wait, rung for or not.
    pub fn len(&self) -> usize {
        self.lock().letters.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Clears the bell: what `take` does, for the bug that does it too late.
    #[cfg(any(test, feature = "planted-bugs"))]
    pub fn clear_bell(&self) {
        self.rung.store(false, Ordering::Release);
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
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
