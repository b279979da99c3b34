//! Answers for files that can't be opened or read.

use crate::client::{Reply, ResponseBuilder};
use crate::message::Sent;
use jackfield_proto::http1::FieldError;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Answers without a file. `path` is that of the request.
pub(super) fn answer(reply: Reply, path: &str, error: &io::Error) {
    match status(error) {
        503 => {
            // The line can be written.
            let _ = reply.response(503).header("Retry-After", 1).body("", "");
        }
        status => {
            if status == 500 {
                log::error!(target: "jackfield::files", "the file for {path:?} can't be opened: {error}");
            }
            reply.error(status);
        }
    }
}

/// Ends the answer of a file that can't be read with a 500. A file that was changed meanwhile is no fault to log.
pub(super) fn end(
    answer: ResponseBuilder<Reply>,
    path: &Path,
    error: &io::Error,
) -> Result<Sent, FieldError> {
    if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) {
        log::error!(target: "jackfield::files", "the file {path:?} can't be read: {error}");
    }
    answer.fail()
}

/// 404 if the path names no file; 503 if no descriptor is left, because that passes; otherwise 500.
fn status(error: &io::Error) -> u16 {
    let is_one_of = |codes: [i32; 2]| error.raw_os_error().is_some_and(|code| codes.contains(&code));
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput => 404,
        _ if is_one_of(NAMES_NOTHING) => 404,
        _ if is_one_of(LACKS_DESCRIPTORS) => 503,
        _ => 500,
    }
}

// The standard library has no stable kinds for these.

/// A name that is too long, and links that lead to each other.
#[cfg(unix)]
const NAMES_NOTHING: [i32; 2] = {
    use rustix::io::Errno;
    [Errno::NAMETOOLONG.raw_os_error(), Errno::LOOP.raw_os_error()]
};
/// `ERROR_INVALID_NAME` and `ERROR_FILENAME_EXCED_RANGE`.
#[cfg(not(unix))]
const NAMES_NOTHING: [i32; 2] = [123, 206];

/// None is left in the process, or in the system.
#[cfg(unix)]
const LACKS_DESCRIPTORS: [i32; 2] = {
    use rustix::io::Errno;
    [Errno::MFILE.raw_os_error(), Errno::NFILE.raw_os_error()]
};
/// `ERROR_TOO_MANY_OPEN_FILES` and `ERROR_NO_SYSTEM_RESOURCES`.
#[cfg(not(unix))]
const LACKS_DESCRIPTORS: [i32; 2] = [4, 1450];

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault: every error was 404, as if there were no such file, and nothing was logged.
    #[test]
    fn h11_only_a_path_without_a_file_is_404() {
        let [too_long, links] = NAMES_NOTHING.map(io::Error::from_raw_os_error);
        let [of_process, of_system] = LACKS_DESCRIPTORS.map(io::Error::from_raw_os_error);
        for (error, expected) in [
            (ErrorKind::NotFound.into(), 404),
            (ErrorKind::NotADirectory.into(), 404),
            (ErrorKind::IsADirectory.into(), 404),
            (ErrorKind::InvalidInput.into(), 404),
            (too_long, 404),
            (links, 404),
            (of_process, 503),
            (of_system, 503),
            (ErrorKind::PermissionDenied.into(), 500),
            (io::Error::other("the disk is broken"), 500),
        ] {
            assert_eq!(status(&error), expected, "{error}");
        }
    }
}
