//! Who may come in: decisions that depend on their arguments alone.
//!
//! This room knows no client, no wire and no link.

mod origin;
mod overload;
mod reserved;

pub(crate) use origin::{Allowed, Origins};
pub(crate) use overload::Overload;
pub(crate) use reserved::Reserved;
