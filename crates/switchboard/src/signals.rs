//! Shutting down at a signal.

use crate::handle::{Drain, Handle};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

/// Shuts the server down at the first SIGTERM or SIGINT; the second ends the process.
///
/// The handler only writes a byte; a thread that sleeps until then does the rest.
pub(crate) fn shut_down_on_signals(handle: Handle) -> io::Result<()> {
    let (mut bell, ringer) = UnixStream::pair()?;
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // The order matters: the second signal finds `again` set by the first.
        signal_hook::flag::register_conditional_shutdown(signal, 1, again.clone())?;
        signal_hook::flag::register(signal, again.clone())?;
        signal_hook::low_level::pipe::register(signal, ringer.try_clone()?)?;
    }
    thread::Builder::new().name("signals".into()).spawn(move || {
        if bell.read_exact(&mut [0]).is_ok() {
            handle.shutdown(Drain::default());
        }
    })?;
    Ok(())
}
