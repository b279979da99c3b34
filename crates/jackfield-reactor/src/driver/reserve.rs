//! The reserve descriptor.

use socket2::{Domain, Socket, Type};
use std::io;

/// The reserve descriptor: an unbound socket, only there to be closed.
#[derive(Debug, Default)]
pub(crate) struct Reserve(Option<Socket>);

impl Reserve {
    /// Closes it. False if it was closed already.
    pub(crate) fn give_up(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Opens it again. If no descriptor is free, this is tried again with the next connection.
    pub(crate) fn refill(&mut self) {
        if self.0.is_none() {
            self.0 = Socket::new(Domain::IPV4, Type::STREAM, None).ok();
        }
    }
}

/// True if no descriptor is left in the process or in the system. The standard library has no error kind for that.
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
