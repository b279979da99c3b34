//! Why a server does not start, or stopped.

use jackfield_reactor::Addr;
use std::{fmt, io};

/// The result of a server's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a server does not start, or stopped.
#[non_exhaustive]
#[doc(alias = "SocketErrs")]
pub enum Error {
    /// The options are wrong: one sentence for each mistake. Nothing was bound.
    Options(Vec<String>),
    /// Some listeners can't be bound: each of them, with its error. The others do not listen either.
    Bind(Vec<(Addr, io::Error)>),
    /// The operating system refused something that the server needs.
    Io(io::Error),
    /// A reactor panicked outside of any callback: in the closure that makes its factory, or by a bug of Jackfield.
    /// The others were shut down.
    Reactor(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(faults) => write!(f, "the options are wrong: {}", faults.join("; ")),
            Self::Bind(failed) => {
                let failed: Vec<String> =
                    failed.iter().map(|(addr, error)| format!("{addr}: {error}")).collect();
                write!(f, "can't listen at {}", failed.join("; "))
            }
            Self::Io(error) => write!(f, "the operating system refused: {error}"),
            Self::Reactor(number) => write!(
                f,
                "reactor {number} panicked outside of a callback, or the closure that makes its factory did"
            ),
        }
    }
}

/// The same text as `Display`, because `main` prints this form of an error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Bind(failed) => failed.first().map(|(_, error)| error as _),
            Self::Options(_) | Self::Reactor(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
