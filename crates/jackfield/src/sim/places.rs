//! The addresses to which the simulated server connects: each call has its own address, and a port for each attempt.

use super::book::numbered;
use jackfield_reactor::Addr;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The network of these addresses.
const NETWORK: u8 = 12;
const FIRST_PORT: u16 = 1000;
/// The paths of unix sockets begin with this.
const SOCKETS: &str = "/sim/call-";

pub(super) fn address(number: usize, at: usize) -> SocketAddr {
    let mut address = numbered(NETWORK, number);
    address.set_port(FIRST_PORT + at as u16);
    address
}

/// The path, if the called peer is at a unix socket.
pub(super) fn socket_path(number: usize) -> PathBuf {
    format!("{SOCKETS}{number}").into()
}

/// The call of an address, and the number of the attempt.
pub(super) fn place_of(address: &Addr) -> Option<(usize, usize)> {
    match address {
        Addr::Ip(address) => place_of_ip(address),
        other => Some((other.path()?.to_str()?.strip_prefix(SOCKETS)?.parse().ok()?, 0)),
    }
}

pub(super) fn place_of_ip(address: &SocketAddr) -> Option<(usize, usize)> {
    let IpAddr::V4(ip) = address.ip().to_canonical() else { return None };
    let [NETWORK, a, b, c] = ip.octets() else { return None };
    let number = u32::from_be_bytes([0, a, b, c]).checked_sub(1)?;
    Some((number as usize, address.port().checked_sub(FIRST_PORT)?.into()))
}

/// The addresses of a name, as [`DialTarget::place`] has made it.
pub(super) fn look_up(name: &str) -> Vec<SocketAddr> {
    let numbers = name.strip_prefix("call-").and_then(|rest| rest.strip_suffix(".sim:80"));
    let numbers = numbers.and_then(|numbers| numbers.split_once('-'));
    let numbers = numbers.and_then(|(number, count)| number.parse().ok().zip(count.parse().ok()));
    let Some((number, count)) = numbers else { return Vec::new() };
    (0..count).map(|at| address(number, at)).collect()
}
