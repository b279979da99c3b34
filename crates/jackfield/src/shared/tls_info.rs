//! The facts of a handshake.

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, Connection, HandshakeKind, ProtocolVersion};

/// The facts of a connection's TLS handshake, from [`Peer::tls`](crate::Peer::tls): the factory sees them before there is
/// a client, and may refuse.
///
/// ```
/// use jackfield::{Client, Peer, Refuse};
///
/// struct Member;
///
/// impl Client for Member {}
///
/// /// A client of `admin.example` must have shown a certificate.
/// fn make(peer: &Peer) -> Result<Member, Refuse> {
///     match peer.tls() {
///         Some(tls) if tls.server_name() == Some("admin.example") && tls.certificates().is_empty() => {
///             Err(Refuse::Silent)
///         }
///         _ => Ok(Member),
///     }
/// }
/// ```
#[doc(alias = "SSLStatus")]
#[doc(alias = "SslVersion")]
#[doc(alias = "SslCipher")]
#[derive(Clone, Debug)]
pub struct TlsInfo {
    version: ProtocolVersion,
    cipher_suite: CipherSuite,
    server_name: Option<Box<str>>,
    alpn: Option<Box<[u8]>>,
    is_resumed: bool,
    certificates: Vec<CertificateDer<'static>>,
    host_tag: Option<u64>,
}

impl TlsInfo {
    /// The facts of a session at the host with this tag. `None`: its handshake is not done.
    pub(crate) fn of(session: &Connection, host_tag: Option<u64>) -> Option<Self> {
        if session.is_handshaking() {
            return None;
        }
        let server_name = match session {
            Connection::Server(session) => session.server_name(),
            Connection::Client(_) => None,
        };
        let certificates = session.peer_certificates().unwrap_or_default().iter();
        Some(Self {
            version: session.protocol_version()?,
            cipher_suite: session.negotiated_cipher_suite()?.suite(),
            server_name: server_name.map(Into::into),
            alpn: session.alpn_protocol().map(Into::into),
            is_resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            certificates: certificates.map(|certificate| certificate.clone().into_owned()).collect(),
            host_tag,
        })
    }

    /// The version of TLS: 1.2 or 1.3.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The cipher suite that was agreed on.
    #[must_use]
    pub fn cipher_suite(&self) -> CipherSuite {
        self.cipher_suite
    }

    /// The server name that the peer asked for (SNI, RFC 6066 section 3). `None`: it asked for none, or the connection is
    /// outgoing.
    #[doc(alias = "SNI")]
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The tag of the host whose certificate the peer got, if that has one: [`Host::tag`](crate::Host::tag).
    #[must_use]
    pub fn host_tag(&self) -> Option<u64> {
        self.host_tag
    }

    /// The protocol that was agreed on by ALPN (RFC 7301), such as `http/1.1`.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// True if the session was resumed from an earlier one, without checking certificates again.
    #[doc(alias = "session reuse")]
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// The certificates of the peer, its own first, if it was asked for them and has any. They were checked against the
    /// roots of the listener or the host. In a resumed session they are the certificates of the first session.
    #[doc(alias = "SSLClientAuthentication")]
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}
