//! The sockets of one listener.

use crate::config::Place;
use crate::shared::backlog_max;
use jackfield_reactor::{self as reactor, Addr, ListenOptions};
use std::io;
use std::net::SocketAddr;

/// Logs that the system allows a shorter backlog than was requested.
pub(super) fn report_clamped(place: &Place, backlog: u32) {
    let most = backlog_max();
    if backlog > most {
        log::warn!(
            target: "jackfield::accept",
            "`{place}`: the system allows a backlog of {most} connections, not {backlog}: see `somaxconn`"
        );
    }
}

/// How many ports are tried to find one that is free at all addresses of a name.
const PORT_TRIES: usize = 8;

/// Binds one listener, at all its addresses.
pub(super) fn bind_place(
    place: &Place,
    addrs: &[SocketAddr],
    options: &ListenOptions,
) -> (Vec<reactor::Listener>, Vec<(Addr, io::Error)>) {
    let (bound, addr) = match place {
        Place::Tcp(_) => return bind_addresses(addrs, options),
        #[cfg(unix)]
        Place::Unix(path) => {
            (reactor::Listener::bind_unix(path, options), Addr::Unix(Some(path.as_path().into())))
        }
        Place::Adopted(socket) => {
            let addr = socket.local_addr().map_or(Addr::Unix(None), Addr::Ip);
            (socket.try_clone().and_then(|socket| reactor::Listener::from_std(socket, options)), addr)
        }
        #[cfg(unix)]
        Place::AdoptedUnix(socket) => {
            let addr = socket
                .local_addr()
                .map_or(Addr::Unix(None), |addr| Addr::Unix(addr.as_pathname().map(Into::into)));
            (socket.try_clone().and_then(|socket| reactor::Listener::from_std_unix(socket, options)), addr)
        }
    };
    match bound {
        Ok(socket) => (vec![socket], Vec::new()),
        Err(error) => (Vec::new(), vec![(addr, error)]),
    }
}

/// Binds all addresses of one listener. If the port is zero, all get the same port.
fn bind_addresses(
    addrs: &[SocketAddr],
    options: &ListenOptions,
) -> (Vec<reactor::Listener>, Vec<(Addr, io::Error)>) {
    let mut tries = 0;
    loop {
        tries += 1;
        let (mut bound, mut failed, mut port) = (Vec::new(), Vec::new(), 0);
        for addr in addrs {
            let wanted = if addr.port() == 0 { SocketAddr::new(addr.ip(), port) } else { *addr };
            match reactor::Listener::bind(wanted, options) {
                Ok(socket) => {
                    port = socket
                        .local_addr()
                        .ok()
                        .and_then(|addr| addr.as_ip())
                        .map_or(port, |addr| addr.port());
                    bound.push(socket);
                }
                Err(error) => failed.push((wanted.into(), error)),
            }
        }
        if !bound.is_empty() && addrs.len() > 1 {
            failed.retain(|(_, error)| !is_absent(error));
        }
        let may_find_another = addrs.iter().all(|addr| addr.port() == 0) && !bound.is_empty();
        if failed.is_empty() || !may_find_another || tries == PORT_TRIES {
            return (bound, failed);
        }
    }
}

/// True if this machine does not have the address, such as `localhost`'s IPv6 address without IPv6.
fn is_absent(error: &io::Error) -> bool {
    const NO_SUCH_FAMILY: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(NO_SUCH_FAMILY))
}
