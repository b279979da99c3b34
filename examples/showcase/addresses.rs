//! The addresses at which a server can be reached, if it listens on all of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// The address of a server for its own machine.
pub(crate) fn reached(mut server: SocketAddr) -> SocketAddr {
    if server.ip().is_unspecified() {
        server.set_ip(if server.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    server
}

/// The address of a server for other machines in the network, if they can reach it. `own` finds the address of this
/// machine.
pub(crate) fn in_the_network(
    mut server: SocketAddr,
    own: impl FnOnce() -> Option<IpAddr>,
) -> Option<SocketAddr> {
    if server.ip().is_unspecified() {
        server.set_ip(own()?);
    }
    Some(server).filter(|server| !server.ip().is_loopback())
}

/// Files that Docker and Podman put into a container.
const CONTAINER_MARKS: [&str; 2] = [".dockerenv", "run/.containerenv"];

/// Whether what has this root is a container. Nobody outside of its machine reaches the addresses of a container: they reach
/// those of the machine.
pub(crate) fn is_container(root: &Path) -> bool {
    CONTAINER_MARKS.iter().any(|mark| root.join(mark).exists())
}

/// The address from which this machine would send to the internet. Nothing is sent: the socket only looks up a route.
/// `None` in a container.
pub(crate) fn own() -> Option<IpAddr> {
    if is_container(Path::new("/")) {
        return None;
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|own| !own.is_unspecified())
}
