//! Descriptors that a service manager has passed to this process: sd_listen_fds(3).

use std::io::{self, ErrorKind};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first of them.
const FIRST: RawFd = 3;

/// More than these are a mistake.
const MOST: RawFd = 1024;

/// Whether they were taken: each has one owner.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the descriptors that a service manager has passed to this process, such as systemd with its sockets, each with its
/// name (`LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`). They are closed where this process starts another program. None:
/// nothing was passed, or to another process, or they were taken already. One without a name is `unknown`.
///
/// # Errors
/// If the number makes no sense, or a descriptor is not there. Then none is taken.
pub fn take_passed() -> io::Result<Vec<(String, OwnedFd)>> {
    let variable = |name| std::env::var(name).ok();
    let count =
        count(variable("LISTEN_PID").as_deref(), variable("LISTEN_FDS").as_deref(), std::process::id())?;
    // Those that were taken may be closed by now.
    if count == 0 || TAKEN.load(Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    (FIRST..FIRST + count).try_for_each(close_on_exec)?;
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    // SAFETY: the descriptors are open, and were passed to this process for it to own them; it takes them once.
    let owned = |descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) };
    Ok(self::names(&names).zip((FIRST..FIRST + count).map(owned)).collect())
}

/// The names of the descriptors, in their order.
fn names(list: &str) -> impl Iterator<Item = String> {
    let names = list.split(':').chain(std::iter::repeat(""));
    names.map(|name| if name.is_empty() { "unknown" } else { name }.into())
}

/// How many were passed to the process of that number.
fn count(pid: Option<&str>, count: Option<&str>, process: u32) -> io::Result<RawFd> {
    let (Some(pid), Some(count)) = (pid, count) else { return Ok(0) };
    if pid.parse() != Ok(process) {
        return Ok(0);
    }
    let count = count.parse().ok().filter(|count| (0..=MOST).contains(count));
    count.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "LISTEN_FDS is no number of descriptors"))
}

/// Whoever passes a descriptor can't set this, or it would not have come.
fn close_on_exec(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: the call reads no memory; a descriptor that is not open is an error.
    let failed = unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    if failed != -1 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(io::Error::new(error.kind(), format!("descriptor {descriptor} of LISTEN_FDS: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_passed_to_another_process_are_not_taken() {
        let rows = [
            (None, None, Some(0)),
            (None, Some("1"), Some(0)),
            (Some("7"), None, Some(0)),
            (Some("7"), Some("2"), Some(2)),
            (Some("7"), Some("0"), Some(0)),
            (Some("8"), Some("2"), Some(0)),
            (Some("8"), Some("nonsense"), Some(0)),
            (Some("seven"), Some("2"), Some(0)),
            (Some("7"), Some("nonsense"), None),
            (Some("7"), Some("-1"), None),
            (Some("7"), Some("1025"), None),
            (Some("7"), Some("99999999999"), None),
        ];
        for (pid, passed, expected) in rows {
            assert_eq!(count(pid, passed, 7).ok(), expected, "{pid:?} {passed:?}");
        }
    }

    /// The fault: an empty name was left out, and each later descriptor got the name of the one behind it.
    #[test]
    fn a_descriptor_without_a_name_leaves_the_others_theirs() {
        for (list, expected) in [
            ("web:admin", ["web", "admin", "unknown"]),
            ("web::admin", ["web", "unknown", "admin"]),
            (":admin", ["unknown", "admin", "unknown"]),
            ("", ["unknown"; 3]),
        ] {
            assert_eq!(names(list).take(3).collect::<Vec<_>>(), expected, "{list}");
        }
    }

    #[test]
    fn a_descriptor_that_is_not_there_is_named() {
        let error = close_on_exec(RawFd::MAX).expect_err("there is none");
        assert!(error.to_string().contains("descriptor 2147483647"), "{error}");
    }
}
