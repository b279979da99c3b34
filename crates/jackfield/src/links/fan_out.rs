//! The topic of a reactor's running broadcast, and how its members get messages.

use crate::message::MessageFormat;

/// How a member gets what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryFormat {
    pub(crate) form: MessageFormat,
    /// It gets compressed frames.
    pub(crate) is_deflated: bool,
}

/// The topic of the running broadcast. The list of its members is lent to the reactor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FanOut {
    pub(crate) place: usize,
    pub(crate) members: usize,
    /// Some members are congested, and are visited for each message.
    pub(crate) has_left_out: bool,
    pub(crate) look: DeliveryFormat,
    /// The first message was long enough to be compressed. Only messages for which the same holds are gathered with it.
    pub(crate) is_long: bool,
}
