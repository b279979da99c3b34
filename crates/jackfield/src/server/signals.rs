//! Signals: they make a server shut down, or reload its certificates.
//!
//! The handlers of the process are registered once and for ever, because a library can't safely remove a signal
//! handler; flags decide what they do. The part of one server is registered with the server and removed with it.

use signal_hook::SigId;
#[cfg(feature = "tls")]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The purpose of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is shut down; a second signal ends the process.
    Shutdown,
    /// It reads its certificates again.
    #[cfg(feature = "tls")]
    Reload,
}

impl Purpose {
    fn signals(self) -> &'static [i32] {
        match self {
            Self::Shutdown => &[SIGTERM, SIGINT],
            #[cfg(feature = "tls")]
            Self::Reload => &[SIGHUP],
        }
    }

    /// The state of this process for this purpose.
    fn process(self) -> MutexGuard<'static, Process> {
        static SHUTDOWN: LazyLock<Mutex<Process>> = LazyLock::new(Mutex::default);
        #[cfg(feature = "tls")]
        static RELOAD: LazyLock<Mutex<Process>> = LazyLock::new(Mutex::default);
        let process = match self {
            Self::Shutdown => &SHUTDOWN,
            #[cfg(feature = "tls")]
            Self::Reload => &RELOAD,
        };
        process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of this process for one purpose.
#[derive(Default)]
struct Process {
    servers: usize,
    is_registered: bool,
    /// No server wants these signals, so they have their default effect.
    is_unwanted: Arc<AtomicBool>,
    /// A signal has come since the last server registered: the next one ends the process.
    has_come: Arc<AtomicBool>,
}

/// The signals of one server, which are released when this is dropped.
pub(crate) struct Signals {
    ids: Vec<SigId>,
    purpose: Purpose,
}

impl Signals {
    /// From now on a signal sets the flag and writes to the other end of the returned stream.
    ///
    /// No thread waits for signals, because a second thread would make the system calls of the first more expensive.
    pub(crate) fn catch(purpose: Purpose, caught: &Arc<AtomicBool>) -> io::Result<(Self, UnixStream)> {
        let (waker, sender) = UnixStream::pair()?;
        purpose.process().enter(purpose)?;
        // From here on the drop of `signals` releases what was registered.
        let mut signals = Self { ids: Vec::new(), purpose };
        for signal in purpose.signals() {
            signals.ids.push(flag::register(*signal, caught.clone())?);
            signals.ids.push(low_level::pipe::register(*signal, sender.try_clone()?)?);
        }
        Ok((signals, waker))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
        self.purpose.process().leave();
    }
}

impl Process {
    fn enter(&mut self, purpose: Purpose) -> io::Result<()> {
        if !self.is_registered {
            for signal in purpose.signals() {
                flag::register_conditional_default(*signal, self.is_unwanted.clone())?;
                if purpose == Purpose::Shutdown {
                    // The order matters: the second signal finds the flag that the first has set.
                    flag::register_conditional_shutdown(*signal, 1, self.has_come.clone())?;
                    flag::register(*signal, self.has_come.clone())?;
                }
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
