//! A value that could not be posted to another thread.

use crate::shared::state::Busy;
use std::fmt;

/// A value that could not be posted, given back.
///
/// ```
/// use jackfield::{ConnectionId, Handle, NotPosted};
///
/// fn tell(handle: &Handle, id: ConnectionId, order: String) {
///     if let Err(NotPosted { value, why }) = handle.post(id, order) {
///         eprintln!("{value} is not on its way: {why}");
///     }
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotPosted<T> {
    /// The value.
    pub value: T,
    /// Why it could not.
    pub why: Busy,
}

impl<T> fmt::Debug for NotPosted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotPosted").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for NotPosted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<T> std::error::Error for NotPosted<T> {}
