//! The observer's part that lower rooms may use: changes of the server and of listeners.

use crate::shared::listeners::ListenerState;
use crate::shared::state::ServerState;

/// Gets changes of the server and of listeners. The observer implements it.
pub(crate) trait ChangeSink: Send + Sync {
    fn on_state(&self, before: ServerState, now: ServerState);
    fn on_listener(&self, listener: usize, now: ListenerState);
}
