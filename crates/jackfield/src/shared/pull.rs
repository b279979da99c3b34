//! Pulled bodies: read on the pool, sent on the reactor.

use crate::message::Source;
use crate::shared::Handle;
use crate::shared::command::{Command, Part, PartKind};
use crate::shared::offload::attempt;
use jackfield_proto::http1::Fields;
use jackfield_reactor::ConnectionId;

impl Handle {
    /// Makes the pool read the next piece of a body, for the answer of this exchange.
    pub(crate) fn pull(&self, id: ConnectionId, sequence: u32, source: Box<dyn Source>) {
        let handle = self.clone();
        // A server that has ended has no connections left.
        let _ = self
            .shared()
            .pool
            .submit_reserved(Box::new(move || handle.pull_on_this_thread(id, sequence, source)));
    }

    /// Reads it on this thread, which may block.
    pub(crate) fn pull_on_this_thread(&self, id: ConnectionId, sequence: u32, mut source: Box<dyn Source>) {
        let read = attempt(move || source.read().map(|piece| piece.map(|bytes| (bytes, source))));
        let kind = match read {
            Ok(Ok(Some((bytes, source)))) => PartKind::Pulled(bytes, source),
            Ok(Ok(None)) => PartKind::End(Fields::new()),
            Ok(Err(error)) => {
                log::debug!(target: "jackfield::offload", connection:% = id; "{id}: the rest of a body can't be read: {error}");
                PartKind::Broken
            }
            Err(panicked) => {
                log::error!(target: "jackfield::offload", connection:% = id; "{id}: the rest of a body can't be read: {panicked}");
                PartKind::Broken
            }
        };
        let part = Part { id, sequence, kind };
        self.post_reserved(id.reactor(), Command::Part(Box::new(part)));
    }
}
