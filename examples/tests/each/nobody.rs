//! A port at which nobody listens, and nobody else begins to.

use socket2::{Domain, Socket, Type};
use std::net::SocketAddr;

/// Its port stays taken as long as this is there.
pub(crate) struct Nobody(Socket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn addr(&self) -> String {
        self.0.local_addr().unwrap().as_socket().unwrap().to_string()
    }
}
