//! Bytes to and from the other end. No TLS here, and no wires.

pub(crate) mod listener;
pub(crate) mod outcome;
pub(crate) mod pipe;
