//! What a server does at signals: it shuts down, or reads its certificates again.
//!
//! What concerns the process is registered once and for good: a library can't take the handler of a signal away
//! again, so what it does depends on flags. What concerns one server is registered with it and taken back with
//! it.

use signal_hook::SigId;
#[cfg(feature = "tls")]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// What a server wants signals for.
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

    /// What the servers of this process have asked for.
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

/// What the servers of this process have asked for, for one purpose.
#[derive(Default)]
struct Process {
    servers: usize,
    is_registered: bool,
    /// No server wants these signals: they do what they would do without us.
    is_unwanted: Arc<AtomicBool>,
    /// A signal has come since the last server asked: the next one ends the process.
    has_come: Arc<AtomicBool>,
}

/// The signals of one server, which are given back when this is dropped.
pub(crate) struct Signals {
    ids: Vec<SigId>,
    purpose: Purpose,
}

impl Signals {
    /// From now on a signal raises the flag and writes to the other end of the stream that is returned.
    ///
    /// No thread waits for it: a second thread would make every call to the system dearer for the first.
    pub(crate) fn catch(purpose: Purpose, caught: &Arc<AtomicBool>) -> io::Result<(Self, UnixStream)> {
        let (waker, sender) = UnixStream::pair()?;
        purpose.process().enter(purpose)?;
        // From here on what was registered is given back by its drop.
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
                    // In this order: the second signal finds the flag raised by the first.
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
