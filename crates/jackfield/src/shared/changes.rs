//! Who is told that something changed, as those below the observer see it.

use crate::shared::listeners::ListenerState;
use crate::shared::state::State;

/// Who is told that the server or a listener has changed: the observer.
pub(crate) trait ChangeSink: Send + Sync {
    fn on_state(&self, before: State, now: State);
    fn on_listener(&self, listener: usize, now: ListenerState);
}
