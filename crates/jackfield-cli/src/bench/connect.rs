//! `connect`: a connection for each request.

use super::http::Http;

/// The same as `http`, but each request asks the server to close after its answer. So it is the server that ends
/// first and has to remember the connection for a while, and the client does not run out of ports.
pub(crate) fn connect(host: &str, path: &str) -> Http {
    Http::with_request(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}
