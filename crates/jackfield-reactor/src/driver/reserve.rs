//! The spare descriptor, and when it helps.

use socket2::{Domain, Socket, Type};
use std::io;

/// A descriptor that is good for nothing but to be given up: a socket that is bound to nothing.
#[derive(Debug, Default)]
pub(crate) struct Reserve(Option<Socket>);

impl Reserve {
    /// False if there was none to be given up.
    pub(crate) fn give_up(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// If it was taken meanwhile, this is tried again with the next connection.
    pub(crate) fn refill(&mut self) {
        if self.0.is_none() {
            self.0 = Socket::new(Domain::IPV4, Type::STREAM, None).ok();
        }
    }
}

/// No descriptor is left in the process or in the system. The standard library has no kind of error for it.
pub(crate) fn is_for_lack_of_descriptors(error: &io::Error) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[10024] } else { &[EMFILE, ENFILE] };
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

const ENFILE: i32 = 23;

const EMFILE: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn the_reserve_helps_against_a_lack_of_descriptors_only() {
        let rows = [(EMFILE, true), (ENFILE, true), (12, false), (11, false)];
        for (code, helps) in rows.into_iter().filter(|_| cfg!(unix)) {
            assert_eq!(is_for_lack_of_descriptors(&io::Error::from_raw_os_error(code)), helps, "{code}");
        }
        assert!(!is_for_lack_of_descriptors(&ErrorKind::OutOfMemory.into()));
    }

    #[test]
    fn a_reserve_is_given_up_once_until_it_is_refilled() {
        let mut reserve = Reserve::default();
        assert!(!reserve.give_up());
        reserve.refill();
        assert!(reserve.give_up() && !reserve.give_up());
    }
}
