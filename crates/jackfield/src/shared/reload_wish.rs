//! The signal to reload certificates.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Set by the handler of the signal, and read by the reactor that it wakes.
#[derive(Debug, Default)]
pub(crate) struct ReloadWish {
    is_wanted: Arc<AtomicBool>,
    /// The handler writes to this to wake the reactor. It must be emptied, or it fills up.
    waker: OnceLock<UnixStream>,
}

impl ReloadWish {
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.is_wanted
    }

    pub(crate) fn set_waker(&self, waker: UnixStream) {
        // Set once, because a server is bound once.
        let _ = self.waker.set(waker);
    }

    /// Whether a signal has come since the last call. A signal during the call is not lost.
    #[inline(always)]
    pub(crate) fn take(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed) && self.take_slowly()
    }

    #[cold]
    fn take_slowly(&self) -> bool {
        while self.is_wanted.swap(false, Ordering::SeqCst) {
            let Some(mut waker) = self.waker.get() else { break };
            while waker.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        }
        true
    }
}
