//! Guards around the user's code. What its panics end is up to the caller: one connection, one job, one report.

use std::any::Any;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the user's code panicked with. It is a value of the user's too: see [`discard`].
pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls the user's code, and catches its panic.
#[inline(always)]
pub(crate) fn guard<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(call))
}

/// Drops what the user's code panicked with. If that panics too, what comes then is not dropped: it could go on for ever.
#[cold]
pub(crate) fn discard(payload: Panic) {
    if let Err(another) = guard(|| drop(payload)) {
        forget(another);
    }
}

/// The payload of a panic as text, which it nearly always is.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
