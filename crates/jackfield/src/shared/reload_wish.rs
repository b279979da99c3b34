//! A signal that asks for certificates to be read again.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What the handler of the signal leaves behind, and the reactor that it wakes finds.
#[derive(Debug, Default)]
pub(crate) struct ReloadWish {
    is_wanted: Arc<AtomicBool>,
    /// What the handler writes to, so that the reactor wakes: it must not fill up.
    waker: OnceLock<UnixStream>,
}

impl ReloadWish {
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.is_wanted
    }

    pub(crate) fn drain_from(&self, waker: UnixStream) {
        // A server is bound once.
        let _ = self.waker.set(waker);
    }

    /// Whether a signal has come since this was last asked. One that comes meanwhile is not lost.
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
