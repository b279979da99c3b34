//! Calls the client, guarded: a panic ends its connection, and nothing else.

use crate::client::{Client, Connection};
use crate::disconnect::Reason;
use crate::shared::{Callback, panic_text};
use jackfield_reactor::planted::planted;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A guarded callback: what it returned, or what it panicked with.
pub(super) type Guarded<T> = Result<T, Box<dyn Any + Send>>;

/// How many bytes a step used.
pub(super) enum Stepped {
    /// It used this number of bytes, and the next step may follow.
    On(usize),
    /// It used this number of bytes, and can't use the rest now.
    Stop(usize),
}

#[inline(always)]
pub(super) fn guard<T>(call: impl FnOnce() -> T) -> Guarded<T> {
    catch_unwind(AssertUnwindSafe(call))
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
            handle_panic(connection, &*payload);
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
        Err(payload) => handle_panic(connection, &*payload),
    }
}

/// A callback panicked: ends its connection, with a 500 or a Close if that is still possible.
#[cold]
#[inline(never)]
pub(super) fn handle_panic(connection: &mut Connection<'_>, payload: &(dyn Any + Send)) {
    report_panic(connection, payload);
    if connection.links.settings.exposes_errors {
        connection.links.panic_text = panic_text(payload).to_owned();
    }
    if !planted(39) {
        connection.links.close(connection.wires, connection.id, Reason::Panic);
    }
}

/// Reports a panic of a callback whose connection has ended already.
#[cold]
pub(super) fn report_panic(connection: &mut Connection<'_>, payload: &(dyn Any + Send)) {
    let Connection { id, links, .. } = connection;
    links.metrics.panics.add(1);
    links.settings.observer.on_panic(*id, payload);
    let replacement = links.replacement.take();
    // One panic is reported already; this drop may panic too.
    let _ = guard(|| drop(replacement));
}
