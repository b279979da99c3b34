//! The reserve descriptor.

use socket2::{Domain, Socket, Type};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_given_up_once_until_it_is_refilled() {
        let mut reserve = Reserve::default();
        assert!(!reserve.give_up());
        reserve.refill();
        assert!(reserve.give_up() && !reserve.give_up());
    }
}
