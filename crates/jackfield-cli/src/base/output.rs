//! The standard output and the standard error.

use super::error::Error;
use std::io::{self, ErrorKind, Write};

/// Prints a result. If nobody reads it any more, as behind `| head`, nothing happens: it does not change the exit code.
///
/// # Errors
/// It can't be written, as on a full disk.
pub fn say(text: &str) -> Result<(), Error> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::File("standard output".into(), error))
        }
        _ => Ok(()),
    }
}

/// Prints a line on the standard error. If it can't be written, nothing happens: there is no place where that could be said.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
