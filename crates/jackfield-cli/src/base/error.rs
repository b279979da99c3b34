//! Why nothing could be measured.

use std::path::PathBuf;
use std::{fmt, io};

/// Why nothing could be measured.
#[derive(Debug)]
pub enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// The target has no address.
    Target(String),
    /// The built-in server does not start.
    Server(io::Error),
    /// The server does not answer as it should, from the start.
    Refused(String),
    /// Ctrl-C came before there was anything to show.
    Interrupted,
    /// The system failed this process.
    Io(io::Error),
    /// A file can't be read or written.
    File(PathBuf, io::Error),
    /// A file is not the result of a single run.
    NoResult(PathBuf),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Target(text) => f.write_str(text),
            Self::Server(error) => write!(f, "the built-in server does not start: {error}"),
            Self::Refused(why) => write!(f, "the server does not answer as it should: {why}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Io(error) => write!(f, "the load generator failed: {error}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoResult(path) => write!(
                f,
                "{} is not a result of a single run of `jackfield bench`, which it prints with --json and writes with --report",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
