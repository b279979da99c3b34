//! What is to be done about memory once the present event is over.

use crate::budget::Eviction;
use crate::id::WireId;
use crate::time::Time;
use crate::wheel::NIL;

/// What is to be done about memory once the present event is over.
#[derive(Debug)]
pub(crate) struct Care {
    /// Something is, and the end of the turn will see to it at the latest.
    pub(crate) is_due: bool,
    /// Those that must go.
    pub(super) doomed: Vec<(WireId, Eviction)>,
    /// Those that are not read, and since when.
    pub(super) squeezed: Vec<(WireId, Time)>,
    /// The timer that looks after them, which is no wire's.
    pub(super) timer: u32,
}

impl Care {
    pub(crate) fn new() -> Self {
        Self { is_due: false, doomed: Vec::new(), squeezed: Vec::new(), timer: NIL }
    }
}
