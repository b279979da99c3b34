//! The target and the options of an outgoing connection.

use crate::config::speaks::Speaks;
use jackfield_proto::http1::Authority;
use jackfield_reactor::{KeepAlive, SocketOptions};
use std::path::PathBuf;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

/// An outgoing connection: its address and its protocol. Its client comes from the same factory as those of accepted
/// connections, and it runs on a reactor like them.
///
/// Within [`Outgoing::timeout`] one of two things happens, once. Either the connection is up (with TLS: the handshake
/// is done), and [`Client::on_connect`](crate::Client::on_connect) comes. Or it failed, and only
/// [`Client::on_disconnect`](crate::Client::on_disconnect) comes, with [`Reason::Connect`](crate::Reason::Connect). The
/// factory makes the client just before, and recognises the connection by
/// [`Peer::is_outgoing`](crate::Peer::is_outgoing) and [`Peer::tag`](crate::Peer::tag).
///
/// What is sent to the connection before it is up is lost. It has the server's limits: with your own protocol it ends when nothing
/// has come for [`Limits::raw_idle`](crate::Limits::raw_idle), unless its client calls
/// [`Connection::set_idle_timeout`](crate::Connection::set_idle_timeout). It is not opened again by itself; the chapter
/// [own protocols](crate::guide::own_protocols) shows how to do that.
///
/// ```
/// use jackfield::{Client, Connection, Disconnect, Outgoing, Raw};
/// use std::time::Duration;
///
/// struct Visitor;
///
/// impl Client for Visitor {
///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
///         if !connection.peer().is_outgoing() {
///             let upstream = Outgoing::tcp("db.example:5432").timeout(Duration::from_secs(3)).tag(7);
///             // No id: too many are under way, or the server shuts down.
///             let _id = connection.connect(upstream);
///         }
///     }
///
///     fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
///         data.len()
///     }
///
///     fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
///         println!("{}: {}", connection.id(), end.reason);
///     }
/// }
/// ```
#[doc(alias = "TWSocket")]
#[doc(alias = "Connector")]
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(crate) target: Target,
    pub(crate) speaks: Speaks,
    pub(crate) tag: u64,
    /// The URL asks for TLS (`wss`).
    pub(crate) is_secure: bool,
    pub(crate) within: Duration,
    pub(crate) socket: SocketOptions,
    /// What is asked of a server for a WebSocket.
    pub(crate) websocket: Option<WebSocketRequest>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    #[cfg(feature = "tls")]
    pub(crate) server_name: Option<String>,
}

/// What is asked of a server for a WebSocket.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebSocketRequest {
    /// The path with its query.
    pub(crate) target: String,
    /// The value of `Host`.
    pub(crate) host: String,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) fields: Vec<(String, String)>,
    /// No compression is offered.
    pub(crate) is_uncompressed: bool,
}

impl WebSocketRequest {
    fn heap_bytes(&self) -> usize {
        let names = self.subprotocols.iter().map(String::capacity).sum::<usize>();
        let fields =
            self.fields.iter().map(|(name, value)| name.capacity() + value.capacity()).sum::<usize>();
        self.target.capacity()
            + self.host.capacity()
            + self.subprotocols.capacity() * size_of::<String>()
            + names
            + self.fields.capacity() * size_of::<(String, String)>()
            + fields
    }
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A host and a port.
    Tcp(String),
    Unix(PathBuf),
}

/// How long all of it may take, unless told otherwise.
const WITHIN: Duration = Duration::from_secs(10);

impl Outgoing {
    /// To a host and port such as `192.0.2.1:80`, `[2001:db8::1]:80` or `db.example:5432`. The addresses of a name are
    /// looked up on another thread, and tried one after the other, each for its share of the time.
    pub fn tcp(addr: impl ToString) -> Self {
        Self::to(Target::Tcp(addr.to_string()))
    }

    /// To a unix socket. It fails where the system has none.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::to(Target::Unix(path.into()))
    }

    /// A WebSocket at an address such as `ws://a.example/chat?room=1` or `wss://a.example:8443/`. The latter needs
    /// [`Outgoing::tls`]. When it is open, `on_connect` and [`Client::on_open`](crate::Client::on_open) come, and
    /// [`WebSocket::subprotocol`](crate::WebSocket::subprotocol) says what was agreed on. If the server refuses, or
    /// breaks the rules, the error is [`ConnectError::Status`](crate::ConnectError::Status) or
    /// [`ConnectError::WebSocket`](crate::ConnectError::WebSocket). If the address is malformed, has user information or a fragment
    /// (`#`), a zone of IPv6 (`%`), or characters other than visible ASCII, it is
    /// [`ConnectError::Invalid`](crate::ConnectError::Invalid).
    ///
    /// ```
    /// use jackfield::Outgoing;
    ///
    /// let prices = Outgoing::websocket("ws://feed.example/prices")
    ///     .subprotocol("prices.v2")
    ///     .header("Authorization", "Bearer 1234");
    /// ```
    #[doc(alias = "WebSocketClient")]
    #[must_use]
    pub fn websocket(url: impl AsRef<str>) -> Self {
        let (target, request, is_secure) = parse(url.as_ref()).unwrap_or_default();
        let outgoing =
            Self { speaks: Speaks::Http, websocket: Some(request), ..Self::to(Target::Tcp(target)) };
        Self { is_secure, ..outgoing }
    }

    /// Offers a subprotocol, on an [`Outgoing::websocket`]. The first offer is the preferred one. On any other connection this, a header
    /// and [`Outgoing::uncompressed`] have no effect, so that fails with [`ConnectError::Invalid`](crate::ConnectError::Invalid).
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.websocket.get_or_insert_default().subprotocols.push(name.into());
        self
    }

    /// Adds a header to the request of an [`Outgoing::websocket`]. If it is not valid, the connection fails with
    /// [`ConnectError::Invalid`](crate::ConnectError::Invalid).
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.websocket.get_or_insert_default().fields.push((name.into(), value.into()));
        self
    }

    /// Offers no compression, on an [`Outgoing::websocket`]. Without this call, compression is offered if the server's own
    /// `Limits::deflate` is on (by default it is off), and messages are compressed both ways if
    /// the other server agrees.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.websocket.get_or_insert_default().is_uncompressed = true;
        self
    }

    fn to(target: Target) -> Self {
        Self {
            target,
            speaks: Speaks::Raw,
            tag: 0,
            is_secure: false,
            within: WITHIN,
            socket: SocketOptions::default(),
            websocket: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            server_name: None,
        }
    }

    /// Your own protocol, in bytes: `on_data`. The default, but for an [`Outgoing::websocket`], which can't have it.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.speaks = Speaks::Raw;
        self
    }

    /// Your own protocol, in lines: `on_line`. Not for an [`Outgoing::websocket`] either.
    #[must_use]
    pub fn lines(mut self) -> Self {
        self.speaks = Speaks::Lines;
        self
    }

    /// A number of your choice, which tells the factory what the connection is for. It may be the bits of an id:
    /// [`ConnectionId::to_bits`](crate::ConnectionId::to_bits). Default: 0.
    #[must_use]
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// How long it may take until the connection is up: the look-up of its name, the attempts at all addresses, and the
    /// TLS handshake. After that it fails with [`ConnectError::Timeout`](crate::ConnectError::Timeout). Default: 10 s.
    #[must_use]
    #[doc(alias = "TimeoutConnect")]
    pub fn timeout(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// As [`Listener::nodelay`](crate::Listener::nodelay). Default: on.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.socket.nodelay = nodelay;
        self
    }

    /// As [`Listener::keep_alive`](crate::Listener::keep_alive). With times that the system does not accept, the connection
    /// fails with [`ConnectError::Invalid`](crate::ConnectError::Invalid). Default: none.
    #[must_use]
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.socket.keep_alive = Some(keep_alive);
        self
    }

    /// As [`Listener::send_buffer`](crate::Listener::send_buffer). Default: the system's.
    #[must_use]
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.socket.send_buffer_bytes = bytes;
        self
    }

    /// As [`Listener::receive_buffer`](crate::Listener::receive_buffer). Default: the system's.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.socket.receive_buffer_bytes = bytes;
        self
    }

    /// TLS below whatever is spoken. The configuration says whose certificates are trusted; the features `tls-webpki-roots` and
    /// `tls-native-roots` have a constructor of one each, in `jackfield::roots`. The certificate must be valid for the host of
    /// the address, or for [`Outgoing::server_name`].
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// The server name (SNI) for TLS, for which the certificate must be valid, instead of the host of the address. Without
    /// [`Outgoing::tls`] the connection fails with [`ConnectError::Invalid`](crate::ConnectError::Invalid): it would be plain text.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Whether something was asked for that only TLS has: the scheme of its URL, or the name of the server.
    pub(crate) fn asks_for_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.is_secure || self.server_name.is_some();
        #[cfg(not(feature = "tls"))]
        return self.is_secure;
    }

    /// Whether something was asked for that only a WebSocket has, and another protocol is spoken.
    pub(crate) fn has_lost_request(&self) -> bool {
        self.websocket.is_some() && self.speaks != Speaks::Http
    }

    /// Bytes that it owns on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let target = match &self.target {
            Target::Tcp(addr) => addr.capacity(),
            Target::Unix(path) => path.capacity(),
        };
        #[cfg(feature = "tls")]
        let target = target + self.server_name.as_ref().map_or(0, String::capacity);
        target + self.websocket.as_ref().map_or(0, WebSocketRequest::heap_bytes)
    }

    /// The name of the server for TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn name_for_tls(&self) -> Option<rustls_pki_types::ServerName<'static>> {
        let name = match (&self.server_name, &self.target) {
            (Some(name), _) => name.as_str(),
            (None, Target::Tcp(addr)) => host(addr),
            (None, Target::Unix(_)) => return None,
        };
        rustls_pki_types::ServerName::try_from(name.to_owned()).ok()
    }
}

/// Host and port of the URL of a WebSocket, what is asked for there, and whether it is one with TLS.
fn parse(url: &str) -> Option<(String, WebSocketRequest, bool)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_secure = scheme.eq_ignore_ascii_case("wss");
    if !is_secure && !scheme.eq_ignore_ascii_case("ws") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (text, target) = rest.split_at(end);
    // A fragment is not for the server, and a URL of a WebSocket has none (RFC 6455, section 3).
    let authority = Authority::parse(text).filter(|_| !target.contains('#'))?;
    let slash = if target.starts_with('/') { "" } else { "/" };
    let port = authority.port().unwrap_or(if is_secure { 443 } else { 80 });
    let addr = format!("{}:{port}", authority.host());
    // A colon without a port is none (RFC 3986, section 3.2.3).
    let host = if authority.port().is_some() { text } else { authority.host() };
    let request = WebSocketRequest {
        target: format!("{slash}{target}"),
        host: host.to_owned(),
        ..WebSocketRequest::default()
    };
    Some((addr, request, is_secure))
}

/// The host of an address with a port.
#[cfg(feature = "tls")]
fn host(addr: &str) -> &str {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_websocket_says_where_and_what() {
        let rows = [
            ("ws://a.example", Some(("a.example:80", "a.example", "/", false))),
            ("wss://a.example/chat?a=1", Some(("a.example:443", "a.example", "/chat?a=1", true))),
            ("WS://a.example:8080?a", Some(("a.example:8080", "a.example:8080", "/?a", false))),
            ("wss://[::1]/", Some(("[::1]:443", "[::1]", "/", true))),
            ("wss://[::1]:7/", Some(("[::1]:7", "[::1]:7", "/", true))),
            ("http://a.example", None),
            ("ws:/a.example", None),
            ("ws:///path", None),
            ("ws://user@a.example", None),
            ("ws://a.example/#part", None),
            // What is no host with a port or without one (I473).
            ("ws://a.example#part", None),
            ("ws://a.example?a#part", None),
            ("ws://192.0.2.1:/", Some(("192.0.2.1:80", "192.0.2.1", "/", false))),
            ("wss://[::1]:", Some(("[::1]:443", "[::1]", "/", true))),
            ("ws://:/", None),
            ("ws://a.example::/", None),
            ("ws://a.example:b/", None),
            ("ws://a.example:65536/", None),
            ("ws://::1/", None),
            ("ws://\u{e9}.example/", None),
        ];
        for (url, expected) in rows {
            let found = parse(url);
            let found = found
                .as_ref()
                .map(|(addr, request, is_secure)| (&**addr, &*request.host, &*request.target, *is_secure));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn the_certificate_is_for_the_host_or_for_the_name_that_was_given() {
        let rows = [
            (Outgoing::tcp("a.example:443"), Some("a.example")),
            (Outgoing::tcp("192.0.2.1:443"), Some("192.0.2.1")),
            (Outgoing::tcp("[2001:db8::1]:443"), Some("2001:db8::1")),
            (Outgoing::tcp("192.0.2.1:443").server_name("a.example"), Some("a.example")),
            (Outgoing::unix("/run/a").server_name("a.example"), Some("a.example")),
            (Outgoing::unix("/run/a"), None),
            (Outgoing::tcp("two words:443"), None),
        ];
        for (outgoing, name) in rows {
            let found = outgoing.name_for_tls().map(|name| name.to_str().into_owned());
            assert_eq!(found.as_deref(), name, "{outgoing:?}");
        }
    }
}
