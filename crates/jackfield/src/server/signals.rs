//! Shutting down at a signal.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// From now on the first SIGTERM or SIGINT raises the flag and writes to the other end of the stream that is
/// returned; the second ends the process.
///
/// No thread waits for it: a second thread would make every call to the system dearer for the first.
pub(crate) fn catch(caught: Arc<AtomicBool>) -> io::Result<UnixStream> {
    let (bell, ringer) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        // In this order: the second signal finds the flag raised by the first.
        signal_hook::flag::register_conditional_shutdown(signal, 1, caught.clone())?;
        signal_hook::flag::register(signal, caught.clone())?;
        signal_hook::low_level::pipe::register(signal, ringer.try_clone()?)?;
    }
    Ok(bell)
}
