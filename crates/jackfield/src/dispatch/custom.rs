//! Protocols of the user's own, in bytes and in lines.

use crate::client::{Client, Connection, Raw};
use crate::config::{LF, Limits};
use crate::disconnect::{Limit, Reason};
use crate::dispatch::call::{Stepped, call};
use crate::links::Protocol;
use memchr::memchr;

/// Delivers the bytes as they are. A client that uses none waits for more.
pub(super) fn deliver_bytes<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rest: &mut [u8],
) -> Stepped {
    let bytes = rest.len();
    if bytes == 0 {
        return Stepped::Stop(0);
    }
    let used = call(client, connection, |client, connection| {
        client.on_data(&mut Raw { connection: connection.reborrow() }, rest)
    });
    match used {
        0 => Stepped::Stop(0),
        used => Stepped::On(used.min(bytes)),
    }
}

/// Delivers the next line, if its end has come.
pub(super) fn deliver_line<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rest: &[u8],
    limits: &Limits,
) -> Stepped {
    let Protocol::Lines { searched, skips, delimiter } = connection.protocol() else {
        return Stepped::Stop(0);
    };
    let (delimiter, from) = (*delimiter, (*searched as usize).min(rest.len()));
    // If lines end with LF, a CR before it belongs to the line end.
    let without_cr = |line| line_of(line, delimiter);
    let Some(end) = memchr(delimiter, &rest[from..]).map(|end| from + end) else {
        *searched = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        return match *skips {
            true => Stepped::Stop(forget(searched, rest.len())),
            false if without_cr(rest).len() > limits.line_bytes_max => {
                drop_line(client, connection, rest.len(), true)
            }
            false => Stepped::Stop(0),
        };
    };
    *searched = 0;
    if std::mem::take(skips) {
        return Stepped::On(end + 1);
    }
    let line = without_cr(&rest[..end]);
    if line.len() > limits.line_bytes_max {
        return drop_line(client, connection, end + 1, false);
    }
    connection.links.metrics.messages_in.add(1);
    call(client, connection, |client, connection| {
        client.on_line(&mut Raw { connection: connection.reborrow() }, line);
    });
    Stepped::On(end + 1)
}

/// A line without a final CR that belongs to its end, or may belong to it.
fn line_of(line: &[u8], delimiter: u8) -> &[u8] {
    line.strip_suffix(b"\r").filter(|_| delimiter == LF).unwrap_or(line)
}

/// A line is used up: nothing of the next line was searched yet.
fn forget(searched: &mut u32, bytes: usize) -> usize {
    *searched = 0;
    bytes
}

/// The line is too long. Drops what has come of it, and what is still to come.
#[cold]
fn drop_line<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    bytes: usize,
    is_unfinished: bool,
) -> Stepped {
    if let Protocol::Lines { searched, skips, .. } = connection.protocol() {
        (*searched, *skips) = (0, is_unfinished);
    }
    connection.links.metrics.messages_in.add(1);
    call(client, connection, |client, connection| {
        client.on_line_limit(&mut Raw { connection: connection.reborrow() });
    });
    if connection.wires.is_closing(connection.id) {
        connection.links.link(connection.id).reason = Some(Reason::Limit(Limit::Line));
    }
    Stepped::On(bytes)
}
