//! Runs a property and catches its panic, without output on the terminal.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// Runs it in a hurry: see [`same_however_cut`](crate::same_however_cut).
pub(crate) fn in_a_hurry(run: impl FnOnce()) {
    let _hurry = Hurry(HURRY.replace(true));
    run();
}

pub(crate) fn is_in_a_hurry() -> bool {
    HURRY.get()
}

/// Runs it. What it panicked with, and where, is the error: all of it, should there have been more than one panic.
pub(crate) fn catch(run: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !keep(info) {
                usual(info);
            }
        }));
    });
    KEPT.set(Some(Vec::new()));
    let ended = panic::catch_unwind(AssertUnwindSafe(run));
    let kept = KEPT.take().unwrap_or_default();
    ended.map_err(|_| kept.join("\n"))
}

/// Keeps the text of a panic, if this thread is going to catch it.
fn keep(info: &PanicHookInfo<'_>) -> bool {
    KEPT.with_borrow_mut(|kept| {
        let is_kept = kept.is_some();
        if let Some(kept) = kept {
            kept.push(info.to_string());
        }
        is_kept
    })
}

/// Ends the hurry, also when a panic passes.
struct Hurry(bool);

impl Drop for Hurry {
    fn drop(&mut self) {
        HURRY.set(self.0);
    }
}

thread_local! {
    static HURRY: Cell<bool> = const { Cell::new(false) };
    static KEPT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}
