//! Panics of the layer above, which end their connection and not their reactor.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came out of a panic.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls something that may call the layer above. One guard can serve for any number of events, as long as what is left
/// of them after a panic is found again.
#[inline(always)]
pub(crate) fn guard<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(call))
}
