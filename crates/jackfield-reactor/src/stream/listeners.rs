//! The listeners of one driver, as others see them.

use super::listener::Listener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The listeners of a driver, for another driver that can accept in its place: see
/// [`Driver::stand_in_for`](crate::Driver::stand_in_for).
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<Mutex<Vec<Weak<Listener>>>>);

impl Listeners {
    /// A panic while this is locked can only come from a lack of memory.
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Listener>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, listener: Weak<Listener>) {
        self.lock().push(listener);
    }

    pub(crate) fn replace(&self, index: usize, listener: &Arc<Listener>) {
        if let Some(place) = self.lock().get_mut(index) {
            *place = Arc::downgrade(listener);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The listener with this index, if somebody still has it.
    pub(crate) fn get(&self, index: usize) -> Option<Arc<Listener>> {
        self.lock().get(index)?.upgrade()
    }

    /// All of them, in their order, with a gap for each that is closed.
    pub(crate) fn all(&self) -> Vec<Option<Arc<Listener>>> {
        self.lock().iter().map(Weak::upgrade).collect()
    }
}
