//! Panics of the layer above, which end their connection and not their reactor.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The payload of a panic.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls a function that may call the layer above, and catches panics. One guard may cover many events, if the
/// remaining ones can be continued after a panic.
#[inline(always)]
pub(crate) fn guard<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(call))
}
