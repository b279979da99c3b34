//! TLS below the peers that can have it: rustls, as it is usually driven from tokio.

use crate::{fail, tls_config};
use rustls::ServerConfig;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Certificate and key in these PEM files, or the end of the process.
pub fn config(cert: &str, key: &str) -> Arc<ServerConfig> {
    tls_config::load(cert, key).unwrap_or_else(|error| fail(format!("no TLS with {cert} and {key}: {error}")))
}

/// As [`crate::serve`], over TLS. A connection whose handshake fails is dropped.
pub fn serve<F: Future<Output = ()> + Send + 'static>(
    addr: SocketAddr,
    config: Arc<ServerConfig>,
    connection: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + 'static,
) -> ! {
    let acceptor = TlsAcceptor::from(config);
    crate::serve(addr, move |stream| {
        let (handshake, connection) = (acceptor.accept(stream), connection.clone());
        async move {
            if let Ok(stream) = handshake.await {
                connection(stream).await;
            }
        }
    })
}
