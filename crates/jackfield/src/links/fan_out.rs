//! The topic of a reactor's running broadcast, and how its members get messages.

use crate::message::Form;

/// How a member gets what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) form: Form,
    /// A frame that is compressed.
    pub(crate) is_deflated: bool,
}

/// The topic whose members the reactor's broadcast goes to. They are lent to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FanOut {
    pub(crate) place: usize,
    pub(crate) members: usize,
    /// Some of them are congested, and are looked at for each message.
    pub(crate) has_apart: bool,
    pub(crate) look: Look,
    /// The first message was long enough to be compressed.
    pub(crate) is_long: bool,
}
