//! Shutting down at a signal.
//!
//! What concerns the process is registered once and for good: a library can't take the handler of a signal away
//! again, so what it does depends on two flags. What concerns one server is registered with it and taken back with
//! it.

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

const SIGNALS: [i32; 2] = [SIGTERM, SIGINT];

static PROCESS: LazyLock<Mutex<Process>> = LazyLock::new(Mutex::default);

/// What the servers of this process have asked for.
#[derive(Default)]
struct Process {
    servers: usize,
    is_registered: bool,
    /// No server wants signals: they do what they would do without us.
    is_unwanted: Arc<AtomicBool>,
    /// A signal has come since the last server asked: the next one ends the process.
    has_come: Arc<AtomicBool>,
}

/// The signals of one server, which are given back when this is dropped.
pub(crate) struct Signals(Vec<SigId>);

impl Signals {
    /// From now on the first SIGTERM or SIGINT raises the flag and writes to the other end of the stream that is
    /// returned; the second ends the process.
    ///
    /// No thread waits for it: a second thread would make every call to the system dearer for the first.
    pub(crate) fn catch(caught: &Arc<AtomicBool>) -> io::Result<(Self, UnixStream)> {
        let (waker, sender) = UnixStream::pair()?;
        process().enter()?;
        // From here on what was registered is given back by its drop.
        let mut signals = Self(Vec::new());
        for signal in SIGNALS {
            signals.0.push(flag::register(signal, caught.clone())?);
            signals.0.push(low_level::pipe::register(signal, sender.try_clone()?)?);
        }
        Ok((signals, waker))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            low_level::unregister(id);
        }
        process().leave();
    }
}

impl Process {
    fn enter(&mut self) -> io::Result<()> {
        if !self.is_registered {
            for signal in SIGNALS {
                // In this order: the second signal finds the flag raised by the first.
                flag::register_conditional_default(signal, self.is_unwanted.clone())?;
                flag::register_conditional_shutdown(signal, 1, self.has_come.clone())?;
                flag::register(signal, self.has_come.clone())?;
            }
            self.is_registered = true;
        }
        self.servers += 1;
        self.is_unwanted.store(false, Ordering::SeqCst);
        self.has_come.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn leave(&mut self) {
        self.servers -= 1;
        self.is_unwanted.store(self.servers == 0, Ordering::SeqCst);
    }
}

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}
