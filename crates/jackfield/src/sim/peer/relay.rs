//! Two peers that pass bytes to each other: one at an outgoing connection of the server, the other at one of its listeners.

use super::{Peer, PeerConnection};
use std::cell::RefCell;
use std::rc::Rc;

/// One of two peers that pass each other all bytes that they get.
#[derive(Debug)]
pub struct Relay {
    listener: usize,
    from: Shared,
    to: Shared,
}

type Shared = Rc<RefCell<Passed>>;

/// Bytes on their way from one to the other.
#[derive(Debug, Default)]
struct Passed {
    bytes: Vec<u8>,
    is_ended: bool,
    is_end_told: bool,
}

impl Relay {
    /// Two peers. The second one connects to the listener with this index.
    #[must_use]
    pub fn pair(listener: usize) -> (Self, Self) {
        let (here, there) = (Shared::default(), Shared::default());
        (Self { listener, from: there.clone(), to: here.clone() }, Self { listener, from: here, to: there })
    }
}

impl Peer for Relay {
    fn listener(&self) -> usize {
        self.listener
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.on_news(line);
    }

    fn on_bytes(&mut self, _line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        self.to.borrow_mut().bytes.append(bytes);
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, _clean: bool) {
        self.to.borrow_mut().is_ended = true;
        line.finish();
    }

    fn has_news(&self) -> bool {
        let from = self.from.borrow();
        !from.bytes.is_empty() || (from.is_ended && !from.is_end_told)
    }

    fn on_news(&mut self, line: &mut PeerConnection<'_>) {
        let mut from = self.from.borrow_mut();
        line.say(&std::mem::take(&mut from.bytes));
        if from.is_ended {
            from.is_end_told = true;
            line.finish();
        }
    }

    fn is_done(&self) -> bool {
        !self.has_news()
    }
}
