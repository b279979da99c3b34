//! Ctrl-C: the run ends, and what was measured so far is shown.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The exit code of a process that ends by Ctrl-C: 128 and the number of the signal.
pub(crate) const EXIT: u8 = 130;

/// A flag that the first of these signals sets. The second ends the process at once.
///
/// # Errors
/// The handler can't be registered.
pub(crate) fn flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, EXIT.into(), flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}
