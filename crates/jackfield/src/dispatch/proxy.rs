//! The PROXY header.

use jackfield_proto::Step;
use jackfield_proto::proxy::{Addresses, Header, Limits, parse};
use jackfield_reactor::{Addr, PreambleRead, Proxied, Session};
use std::path::Path;

/// Puts the PROXY header before a session.
pub(super) fn behind_header(session: Session) -> Session {
    session.with_preamble(read, Limits::default().header_bytes_max)
}

fn read(rx: &[u8]) -> PreambleRead {
    match parse(rx, &Limits::default()) {
        Step::Need(_) => PreambleRead::Incomplete,
        Step::Event(bytes, header) => PreambleRead::Done { bytes, proxied: proxied(&header) },
        Step::Paused | Step::Fault(_) => PreambleRead::Invalid,
    }
}

/// The address in the header. `None`: the proxy's own connection, or no known address.
fn proxied(header: &Header<'_>) -> Option<Proxied> {
    match header.addresses() {
        Addresses::Unknown => None,
        Addresses::Ip { source, destination, .. } => {
            Some(Proxied { source: source.into(), destination: destination.into() })
        }
        Addresses::Unix { source, destination, .. } => {
            Some(Proxied { source: unix(source), destination: unix(destination) })
        }
    }
}

/// A path that is not UTF-8 becomes an unnamed address.
fn unix(path: &[u8]) -> Addr {
    let path = std::str::from_utf8(path).ok().filter(|path| !path.is_empty());
    Addr::Unix(path.map(|path| Path::new(path).into()))
}
