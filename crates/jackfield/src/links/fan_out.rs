//! The topic that the running broadcast of a reactor goes to.

use crate::message::Form;

/// The topic whose members the reactor's broadcast goes to. They are lent to it.
#[derive(Debug)]
pub(crate) struct FanOut {
    pub(crate) place: usize,
    pub(crate) members: usize,
    pub(crate) form: Form,
}
