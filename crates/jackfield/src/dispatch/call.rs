//! Calls the client, guarded: a panic ends its connection, and nothing else.

use crate::client::{Client, Connection};
use crate::disconnect::Reason;
use crate::guard::{Panic, discard, guard, panic_text};
use crate::shared::Callback;
use jackfield_reactor::planted::planted;

/// How many bytes a step used.
pub(super) enum Stepped {
    /// It used this number of bytes, and the next step may follow.
    On(usize),
    /// It used this number of bytes, and can't use the rest now.
    Stop(usize),
}

/// Whether no further event may be made of the bytes at hand: reading has stopped in the last callback, for whatever reason.
#[inline(always)]
pub(super) fn must_stop(connection: &Connection<'_>) -> bool {
    connection.wires.is_current_stopped() && !connection.wires.may_handle_bytes(connection.id)
}

/// Calls the client, and replaces it if the callback asked for that.
#[inline(always)]
pub(super) fn call<C: Client, T>(
    client: &mut C,
    connection: &mut Connection<'_>,
    callback: impl FnOnce(&mut C, &mut Connection<'_>) -> T,
) -> T {
    let value = callback(client, connection);
    if connection.links.replacement.is_some() {
        replace(client, connection);
    }
    value
}

/// The same for a named callback, which the watchdog can report.
pub(super) fn call_named<C: Client, T>(
    client: &mut C,
    connection: &mut Connection<'_>,
    name: Callback,
    callback: impl FnOnce(&mut C, &mut Connection<'_>) -> T,
) -> T {
    connection.wires.show_watchdog(connection.id, name as u8);
    let value = call(client, connection, callback);
    connection.wires.show_watchdog_bytes(connection.id);
    value
}

/// The same, guarded: a panic ends the connection.
#[inline(always)]
pub(super) fn run<C: Client, T>(
    client: &mut C,
    connection: &mut Connection<'_>,
    callback: impl FnOnce(&mut C, &mut Connection<'_>) -> T,
) -> Option<T> {
    match guard(|| call(client, connection, callback)) {
        Ok(value) => Some(value),
        Err(payload) => {
            handle_panic(connection, payload);
            None
        }
    }
}

#[cold]
#[inline(never)]
fn replace<C: Client>(client: &mut C, connection: &mut Connection<'_>) {
    let Some(replacement) = connection.links.replacement.take() else { return };
    // The old client is dropped inside the guard below.
    let Ok(replacement) = replacement.downcast::<Box<dyn Client>>() else { return };
    match guard(|| client.become_client(*replacement).is_ok()) {
        Ok(true) => {}
        Ok(false) => {
            let id = connection.id;
            log::error!(target: "jackfield::client", connection:% = id; "{id}: only a `Box<dyn Client>` can be replaced");
        }
        Err(payload) => handle_panic(connection, payload),
    }
}

/// A callback panicked: ends its connection, with a 500 or a Close if that is still possible.
#[cold]
#[inline(never)]
pub(super) fn handle_panic(connection: &mut Connection<'_>, payload: Panic) {
    if connection.links.settings.exposes_errors {
        connection.links.panic_text = panic_text(&*payload).to_owned();
    }
    drop_replacement_and_report(connection, payload);
    if !planted(39) {
        connection.links.close(connection.wires, connection.id, Reason::Panic);
    }
}

/// Reports a panic of a callback, and drops the client that it may have asked for.
#[cold]
pub(super) fn drop_replacement_and_report(connection: &mut Connection<'_>, payload: Panic) {
    let Connection { id, links, .. } = connection;
    links.report_panic(*id, payload);
    let replacement = links.replacement.take();
    if let Err(another) = guard(|| drop(replacement)) {
        // One panic is reported already.
        discard(another);
    }
}
