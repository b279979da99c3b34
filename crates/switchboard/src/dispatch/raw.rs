//! Protocols of the user's own, in bytes and in lines.

use super::{Stepped, call};
use crate::limits::Limits;
use crate::link::Protocol;
use crate::{Client, Connection, Raw};
use memchr::memchr;

/// Hands the bytes out as they are. A client that uses none waits for more.
pub(super) fn take<C: Client>(client: &mut C, connection: &mut Connection<'_>, rest: &mut [u8]) -> Stepped {
    let bytes = rest.len();
    let used = call(client, connection, |client, connection| {
        client.on_data(&mut Raw { connection: connection.reborrow() }, rest)
    });
    match used {
        0 => Stepped::Stop(0),
        used => Stepped::On(used.min(bytes)),
    }
}

/// Hands the next line out, once its end has come.
pub(super) fn take_line<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rest: &[u8],
    limits: &Limits,
) -> Stepped {
    let Protocol::Lines { searched } = connection.protocol() else { return Stepped::Stop(0) };
    let from = (*searched as usize).min(rest.len());
    let Some(end) = memchr(b'\n', &rest[from..]).map(|end| from + end) else {
        *searched = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let is_too_long = rest.len() > limits.line_bytes_max;
        return if is_too_long { drop_line(client, connection, rest.len()) } else { Stepped::Stop(0) };
    };
    *searched = 0;
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    if line.len() > limits.line_bytes_max {
        return drop_line(client, connection, end + 1);
    }
    call(client, connection, |client, connection| {
        client.on_line(&mut Raw { connection: connection.reborrow() }, line);
    });
    Stepped::On(end + 1)
}

/// The line is too long, and dropped as far as it has come.
#[cold]
fn drop_line<C: Client>(client: &mut C, connection: &mut Connection<'_>, bytes: usize) -> Stepped {
    if let Protocol::Lines { searched } = connection.protocol() {
        *searched = 0;
    }
    call(client, connection, |client, connection| {
        client.on_line_limit(&mut Raw { connection: connection.reborrow() });
    });
    Stepped::On(bytes)
}
