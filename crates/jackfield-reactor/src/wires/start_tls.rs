//! TLS on a connection that has already carried plain text, as for STARTTLS (RFC 3207).
//!
//! Queued output leaves in plain text, before any byte of TLS. Received bytes that were not used belong to TLS. If a peer,
//! or an attacker on the way, has sent plain text after the command, it is a malformed record, which ends the connection.
//! So plain text is never taken for something that came through TLS (CVE-2011-0411 and similar).

use super::Wires;
use crate::id::ConnectionId;
use crate::reason::Reason;
use crate::session::Session;
use crate::session::tls::Tls;
use crate::stream::Stream;
use crate::wire::flags::Flags;
use crate::wire::life::{Event, Phase};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind};
use std::sync::Arc;

impl Wires {
    /// Starts TLS on an open, plain connection, as the server. Queued output leaves in plain text. Then no more output is
    /// taken until the handshake is complete and [`Service::on_established`](crate::Service::on_established) comes again.
    /// If it is called in `on_bytes`, the bytes after those that are returned as used belong to TLS. [`Wires::may_handle_bytes`] is
    /// false then.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] if the connection is not open. [`ErrorKind::InvalidInput`] if it is not plain. The error
    /// of rustls if it refuses the configuration. The connection is unchanged then.
    pub fn start_tls(&mut self, id: ConnectionId, config: Arc<ServerConfig>) -> io::Result<()> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        // A broadcast may write to this wire, which must still have its stream then.
        self.interrupt_broadcast();
        let wire =
            self.wire_mut(id).filter(|wire| wire.phase == Phase::Open).ok_or(ErrorKind::NotConnected)?;
        let Session::Plain(stream) = &mut wire.session else { return Err(ErrorKind::InvalidInput.into()) };
        let mut tls = Tls::above(std::mem::replace(stream, Stream::Closed), session);
        let queued = self.take_queued(id);
        let bytes_out = queued.len() as u64;
        tls.queue_plaintext(&queued);
        if let Some(mut carry) = self.lift_carry(id) {
            tls.feed(carry.unused());
            self.carry_to_pool(carry);
        }
        let Some(wire) = self.wire_mut(id) else { return Ok(()) };
        wire.session = tls.into();
        wire.bytes_out += bytes_out;
        wire.step(Event::Restart);
        wire.flags.remove(Flags::RECHECK);
        wire.flags.insert(Flags::ENCRYPTS | Flags::STARTTLS);
        self.stats.bytes_out.add(bytes_out);
        self.stopped |= id == self.current;
        self.begin_handshake(id);
        self.write_pending(id);
        self.read_soon(id);
        Ok(())
    }

    /// Writes earlier plain text, and charges what the kernel does not take.
    fn write_pending(&mut self, id: ConnectionId) {
        let Some(wire) = self.wire_mut(id) else { return };
        match wire.session.write_pending() {
            Ok(_) => {
                self.check_water_marks(id, 0);
                self.note_write(id);
            }
            Err(error) => self.abort(id, Reason::of_error(&error)),
        }
    }

    /// Takes all queued bytes of a wire: the cork if it is the current one, otherwise its outbox.
    fn take_queued(&mut self, id: ConnectionId) -> Vec<u8> {
        if id == self.current {
            let queued = self.cork.take_all();
            self.uncharge_cork();
            return queued;
        }
        let Some(mut outbox) = self.wire_mut(id).and_then(|wire| wire.outbox.take()) else {
            return Vec::new();
        };
        let queued = outbox.take_all();
        self.recycle(outbox);
        queued
    }
}
