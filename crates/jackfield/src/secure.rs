//! A peer's side of TLS in memory. In a simulation it is between a peer and the network, so that the network's faults happen to
//! its records.

#[cfg(feature = "sim")]
use rustls::ServerConfig;
#[cfg(feature = "sim")]
use rustls::ServerConnection;
#[cfg(feature = "sim")]
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection};
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

/// TLS on every connection of a simulation.
///
/// The same seed gives the same trace only if TLS records have the same length each time. Use a certificate whose
/// signatures have a fixed length, such as Ed25519. Sessions are not resumed.
#[cfg(feature = "sim")]
#[derive(Clone, Debug)]
pub struct Tls {
    /// The server's configuration.
    pub server: Arc<ServerConfig>,
    /// The peers' configuration.
    pub client: Arc<ClientConfig>,
    /// The name of the server, which its certificate must have.
    pub name: ServerName<'static>,
}

#[cfg(feature = "sim")]
impl Tls {
    /// The side of a peer that connects to the server and names this host, or the usual one.
    pub(crate) fn client_side(&self, host: Option<ServerName<'static>>) -> Secure {
        let mut config = ClientConfig::clone(&self.client);
        // Without resumption every handshake of a simulation is equally long.
        config.resumption = Resumption::disabled();
        Secure::new(Arc::new(config), host.unwrap_or_else(|| self.name.clone()))
    }

    /// The side of a peer to which the server connects.
    pub(crate) fn server_side(&self) -> Secure {
        let session = ServerConnection::new(self.server.clone());
        Secure::of(
            session.unwrap_or_else(|error| panic!("no peer can use this configuration: {error}")).into(),
        )
    }
}

/// A peer's side of TLS: the client's, or the server's if the simulated server has connected to it.
pub(crate) struct Secure {
    session: Connection,
    /// Records to be sent to the server.
    pub(crate) records: Vec<u8>,
    /// Bytes of plain text that went in, and that came out.
    pub(crate) sent: usize,
    pub(crate) received: usize,
    /// The beginning of a record of which the rest has not come.
    #[cfg(feature = "sim")]
    pub(crate) begun: Vec<u8>,
    pub(crate) has_sent_close_notify: bool,
    pub(crate) has_received_close_notify: bool,
}

impl Secure {
    pub(crate) fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        let session = ClientConnection::new(config, name);
        Self::of(session.unwrap_or_else(|error| panic!("no peer can use this configuration: {error}")).into())
    }

    fn of(mut session: Connection) -> Self {
        session.set_buffer_limit(None);
        Self {
            session,
            records: Vec::new(),
            sent: 0,
            received: 0,
            #[cfg(feature = "sim")]
            begun: Vec::new(),
            has_sent_close_notify: false,
            has_received_close_notify: false,
        }
    }

    #[cfg(feature = "sim")]
    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// True if there are records to be sent to the server.
    pub(crate) fn has_records(&self) -> bool {
        !self.records.is_empty() || self.session.wants_write()
    }

    /// Encrypts bytes, and adds what TLS itself sends. Its buffer has no bound, so it refuses bytes only after an alert has
    /// ended the session.
    pub(crate) fn encrypt(&mut self, plain: &[u8]) {
        if self.session.writer().write_all(plain).is_ok() {
            self.sent += plain.len();
        }
        self.fill();
    }

    /// Sends the close_notify, once.
    pub(crate) fn send_close_notify(&mut self) {
        if !std::mem::replace(&mut self.has_sent_close_notify, true) {
            self.session.send_close_notify();
            self.fill();
        }
    }

    fn fill(&mut self) {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.records).expect("memory takes all");
        }
    }

    /// Keeps what comes behind the last whole record (RFC 8446 section 5.1).
    #[cfg(feature = "sim")]
    fn note_begun(&mut self, records: &[u8]) {
        self.begun.extend_from_slice(records);
        let mut at = 0;
        while let [_, _, _, high, low, rest @ ..] = &self.begun[at..] {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if rest.len() < length {
                break;
            }
            at += 5 + length;
        }
        self.begun.drain(..at);
    }

    /// Decrypts records.
    pub(crate) fn decrypt(&mut self, mut records: &[u8]) -> Result<Vec<u8>, String> {
        let mut plain = Vec::new();
        #[cfg(feature = "sim")]
        self.note_begun(records);
        while !records.is_empty() {
            self.session.read_tls(&mut records).map_err(|error| error.to_string())?;
            self.session.process_new_packets().map_err(|error| error.to_string())?;
            match self.session.reader().read_to_end(&mut plain) {
                Ok(_) => self.has_received_close_notify = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
            if self.has_received_close_notify && !records.is_empty() {
                return Err(format!("{} bytes come behind the goodbye", records.len()));
            }
        }
        self.received += plain.len();
        Ok(plain)
    }
}
