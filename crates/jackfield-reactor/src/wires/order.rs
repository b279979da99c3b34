//! What a driver is to do with its acceptor.

use crate::stream::listener::Listener;

/// What a driver is to do with its acceptor at the end of the turn.
#[derive(Debug)]
pub(crate) enum AcceptorOrder {
    /// Close it for good.
    Shut,
    /// Accept at the listeners of another driver too.
    StandIn,
    StepBack,
    /// Accept again at listeners whose connections the service did not want.
    Retry,
    /// Close the listener of this index.
    Close(usize),
    /// Listen again in the place of the one that was closed.
    Reopen(usize, Box<Listener>),
}
