//! Holds a connection to its rate.

use crate::config::Rate;
use crate::disconnect::Limit;
use crate::links::Links;
use crate::links::bucket::Bucket;
use crate::links::link::key;
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// From now on this is what a connection may say.
    pub(crate) fn set_rate(&mut self, wires: &mut Wires, id: ConnectionId, rate: Rate) {
        // A callback may ask for it whose message is counted already.
        let said = self.said();
        let link = self.link(id);
        link.is_rated = rate.is_bounded();
        if rate.is_bounded() {
            link.extra().bucket = Some(Box::new(Bucket::new(rate, wires.now(), said)));
        } else if let Some(extra) = &mut link.extra {
            extra.bucket = None;
        }
        wires.cancel_timer(id, key::RATE);
        wires.unthrottle(id);
    }

    pub(crate) fn bucket(&mut self, id: ConnectionId) -> Option<&mut Bucket> {
        self.link(id).extra.as_mut()?.bucket.as_deref_mut()
    }

    /// Messages and requests that this reactor has counted so far.
    pub(crate) fn said(&self) -> u64 {
        self.metrics.requests.value().wrapping_add(self.metrics.messages_in.value())
    }

    /// A peer has said more than it may: it is not read until it may say more.
    pub(crate) fn throttle(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = wires.now();
        let Some(wait) = self.bucket(id).map(|bucket| bucket.pause(now)) else { return };
        wires.throttle(id);
        wires.set_timer(id, key::RATE, wait);
        self.metrics.throttled.add(1);
        self.settings.observer.on_throttled(id, Limit::Rate);
    }

    /// It may say more.
    pub(crate) fn unthrottle(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = wires.now();
        if let Some(bucket) = self.bucket(id) {
            bucket.resume(now);
        }
        wires.unthrottle(id);
    }
}
