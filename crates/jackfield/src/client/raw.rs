//! The methods of a connection with your own protocol.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::config::LF;
use crate::links::Protocol;
use crate::message::{Publication, Sent};
#[cfg(feature = "tls")]
use std::{io, sync::Arc};

/// A connection with your own protocol, in one of its callbacks.
///
/// ```
/// use jackfield::{Client, Connection, Raw};
///
/// struct Greeter;
///
/// impl Client for Greeter {
///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
///         if let Some(mut raw) = connection.as_raw() {
///             raw.send("who is there?\n");
///         }
///     }
///
///     fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
///         raw.send([b"hello ", line, b"\n"].concat());
///     }
/// }
/// ```
pub struct Raw<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(Raw);

impl Raw<'_> {
    /// Sends bytes; a text is sent as its UTF-8 bytes.
    #[doc(alias = "SendRawData")]
    #[doc(alias = "write")]
    pub fn send<'m>(&mut self, publication: impl Into<Publication<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        match publication.into().into_message() {
            Ok(message) => links.send_bytes(wires, *id, &[], message.as_bytes()),
            Err(publication) => links.send(wires, *id, publication.content()),
        }
    }

    /// From the next byte on, input comes as lines, which end with LF or CR LF.
    pub fn read_lines(&mut self) {
        self.speak(Protocol::lines(LF));
    }

    /// From the next byte on, input comes as lines that end with this byte. If the byte is LF, a CR before it is part of the
    /// line end.
    pub fn read_lines_until(&mut self, delimiter: u8) {
        self.speak(Protocol::lines(delimiter));
    }

    /// A half-close: writes what is queued, then sends FIN, and still reads from the peer. Nothing can be sent after this
    /// call, and the connection leaves its topics. Published messages that wait in its queue
    /// ([`Overflow::DropOldest`](crate::Overflow::DropOldest)) are written too, as far as its outbox has room; the rest of
    /// them is dropped and counted, and all of them if TLS has begun and is not ready ([`Raw::start_tls`]). The connection
    /// ends when your code closes it (the default [`Client::on_peer_closed`] does when the peer closes too), or at its idle
    /// timeout.
    ///
    /// [`Client::on_peer_closed`]: crate::Client::on_peer_closed
    #[doc(alias = "half_close")]
    #[doc(alias = "Shutdown")]
    pub fn shutdown_write(&mut self) {
        let Connection { id, wires, links } = &mut self.connection;
        links.shutdown_write(wires, *id);
    }

    /// True if the peer has closed its side of a TLS connection without saying so within TLS (`close_notify`, RFC 8446 section 6.1). Ask
    /// it in [`Client::on_peer_closed`] if your protocol does not tell by itself where its data ends: an attacker may have cut the
    /// last bytes off. But many peers never say it. Always false in plain text, where any end may be such a cut.
    ///
    /// [`Client::on_peer_closed`]: crate::Client::on_peer_closed
    #[must_use]
    pub fn was_cut(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.connection.wires.was_cut(self.connection.id);
        #[cfg(not(feature = "tls"))]
        false
    }

    /// From the next byte on, input comes as plain bytes.
    pub fn read_bytes(&mut self) {
        self.speak(Protocol::Raw);
    }

    /// Begins TLS on a plain-text connection, as the server: STARTTLS. Bytes that were sent before this call still leave as
    /// plain text. Bytes after the present line or data belong to TLS; plain text there ends the connection, because an
    /// attacker may have inserted it on the way (RFC 3207 section 6). Until [`Client::on_secure`](crate::Client::on_secure) no
    /// data is delivered and no send is accepted; the handshake has the deadline `limits.reactor.handshake`. What is published to its
    /// topics meanwhile waits, as much as the outbox may hold; above that the oldest is dropped and counted
    /// ([`Connection::dropped_messages`]). The configuration is your own: [`Handle::reload_tls`](crate::Handle::reload_tls) does not
    /// change it.
    ///
    /// ```
    /// use jackfield::{Client, Raw};
    /// use std::sync::Arc;
    ///
    /// struct Mail(Arc<rustls::ServerConfig>);
    ///
    /// impl Client for Mail {
    ///     fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
    ///         if line == b"STARTTLS" {
    ///             raw.send("220 go ahead\r\n");
    ///             if raw.start_tls(self.0.clone()).is_err() {
    ///                 raw.abort();
    ///             }
    ///         }
    ///     }
    ///
    ///     fn on_secure(&mut self, raw: &mut Raw<'_>) {
    ///         raw.send("250 encrypted\r\n");
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The connection is closing ([`io::ErrorKind::NotConnected`]) or encrypted already ([`io::ErrorKind::InvalidInput`]), or
    /// rustls refuses the configuration. The connection then stays as it is.
    #[cfg(feature = "tls")]
    #[doc(alias = "AuthSslCmd")]
    #[doc(alias = "STARTTLS")]
    pub fn start_tls(&mut self, config: Arc<rustls::ServerConfig>) -> io::Result<()> {
        self.connection.wires.start_tls(self.connection.id, config)?;
        // The rest of the bytes belongs to TLS, so the begun line is forgotten.
        if let Protocol::Lines { searched, skips, .. } = self.connection.protocol() {
            (*searched, *skips) = (0, false);
        }
        Ok(())
    }

    /// Changes the protocol. Bytes that are there already are delivered in the new one.
    fn speak(&mut self, protocol: Protocol) {
        *self.connection.protocol() = protocol;
        self.connection.wires.yield_turn(self.connection.id);
    }
}

impl Connection<'_> {
    /// The connection as one with your own protocol, if it is one.
    pub fn as_raw(&mut self) -> Option<Raw<'_>> {
        matches!(self.protocol(), Protocol::Raw | Protocol::Lines { .. })
            .then(|| Raw { connection: self.reborrow() })
    }
}
