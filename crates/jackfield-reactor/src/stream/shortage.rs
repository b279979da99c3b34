//! The error of a process or a system that has no descriptor left.

use std::io::{self, ErrorKind};

/// True if no descriptor is left in the process or in the system. The standard library has no error kind for that.
pub(crate) fn is_for_lack_of_descriptors(error: &io::Error) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[10024] } else { &[EMFILE, ENFILE] };
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

const ENFILE: i32 = 23;

const EMFILE: i32 = 24;

/// The kind of an error, with one for a lack of descriptors too.
pub(crate) fn kind_of(error: &io::Error) -> ErrorKind {
    if is_for_lack_of_descriptors(error) { ErrorKind::QuotaExceeded } else { error.kind() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_told_from_other_errors() {
        let rows = [(EMFILE, true), (ENFILE, true), (12, false), (11, false)];
        for (code, is_lack) in rows.into_iter().filter(|_| cfg!(unix)) {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(is_for_lack_of_descriptors(&error), is_lack, "{code}");
            assert_eq!(kind_of(&error) == ErrorKind::QuotaExceeded, is_lack, "{code}");
        }
        assert!(!is_for_lack_of_descriptors(&ErrorKind::OutOfMemory.into()));
    }
}
