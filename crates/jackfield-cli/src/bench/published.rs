//! What is published on all threads of a run: each connection that listens has to get it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The publications of all threads.
#[derive(Debug)]
pub(crate) struct Published {
    begun: AtomicU64,
    lost: AtomicU64,
    /// When the last one was begun.
    last: AtomicU64,
    /// Threads that may still publish.
    threads: AtomicUsize,
}

impl Published {
    /// For so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            begun: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            last: AtomicU64::new(0),
            threads: AtomicUsize::new(threads),
        }
    }

    /// Publications that were begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// The same without those that were lost.
    pub(crate) fn count(&self) -> u64 {
        self.kept_of(self.begun())
    }

    /// How many of the first that were begun have to come: all of them, or fewer if some were lost.
    pub(crate) fn kept_of(&self, begun: u64) -> u64 {
        begun.saturating_sub(self.lost.load(Ordering::Relaxed))
    }

    /// When the last one was begun.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// One is begun. It is counted before it is sent: so who gets it finds it counted.
    pub(crate) fn add(&self, now: u64) {
        self.last.store(now, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// So many publications have failed for their sender: nobody waits for them.
    pub(crate) fn lose(&self, publications: u64) {
        self.lost.fetch_add(publications, Ordering::Relaxed);
    }

    /// A thread publishes nothing more.
    pub(crate) fn leave(&self) {
        // Who sees it has the count with all that the thread has published.
        self.threads.fetch_sub(1, Ordering::Release);
    }

    /// True if nothing more is published on any thread.
    pub(crate) fn is_over(&self) -> bool {
        self.threads.load(Ordering::Acquire) == 0
    }
}
