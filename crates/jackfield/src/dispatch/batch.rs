//! The commands of one turn.

use crate::shared::Command;

/// The budget of the commands of one turn, and what is over it.
#[derive(Default)]
pub(super) struct Batch {
    /// It ends when the reactor has counted so many visits.
    pub(super) visits_end: u64,
    /// Copies of values for topics that may still be handed out.
    pub(super) copies_left: usize,
    /// What is left of the last command.
    pub(super) unfinished: Option<Command>,
}
