//! Lines of a protocol of the user's own.

use super::run;
use crate::limits::Limits;
use crate::link::Protocol;
use crate::{Client, Connection, Raw};

/// Hands the next line out and says how many bytes it used: none if its end has not come.
pub(super) fn next<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rest: &[u8],
    limits: &Limits,
) -> usize {
    let Protocol::Lines { searched } = connection.protocol() else { return 0 };
    let from = (*searched as usize).min(rest.len());
    let Some(end) = rest[from..].iter().position(|&byte| byte == b'\n').map(|end| from + end) else {
        *searched = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        return if rest.len() > limits.line_bytes_max { too_long(client, connection, rest.len()) } else { 0 };
    };
    *searched = 0;
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    if line.len() > limits.line_bytes_max {
        return too_long(client, connection, end + 1);
    }
    run(client, connection, |client, connection| {
        client.on_line(&mut Raw { connection: connection.reborrow() }, line);
    });
    end + 1
}

/// The line is dropped as far as it has come.
#[cold]
fn too_long<C: Client>(client: &mut C, connection: &mut Connection<'_>, bytes: usize) -> usize {
    if let Protocol::Lines { searched } = connection.protocol() {
        *searched = 0;
    }
    run(client, connection, |client, connection| {
        client.on_line_limit(&mut Raw { connection: connection.reborrow() });
    });
    bytes
}
