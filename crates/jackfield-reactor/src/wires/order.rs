//! What a driver is to do with its acceptor.

/// What a driver is to do with its acceptor at the end of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptorOrder {
    None,
    /// Close it for good.
    Shut,
    /// Accept at the listeners of another driver too.
    StandIn,
    StepBack,
}
