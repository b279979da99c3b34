//! Orders for a driver's acceptor.

use crate::stream::listener::Listener;
use std::sync::Arc;

/// An order for a driver's acceptor, carried out at the end of the turn.
#[derive(Debug)]
pub(crate) enum AcceptorOrder {
    /// Close it for ever.
    Shut,
    /// Accept at the listeners of another driver too.
    StandIn,
    StepBack,
    /// Accept again at listeners whose connections the service did not want.
    Retry,
    /// Close the listener of this index.
    Close(usize),
    /// Accept at this listener, which is watched already, in the place of the one that was closed.
    Reopen(usize, Arc<Listener>),
}
