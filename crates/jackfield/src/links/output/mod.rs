//! All output: answers, events, messages to one connection and to many.
//!
//! Its files import from `links/`, and never from each other.

mod answer;
mod backlog;
#[cfg_attr(not(feature = "deflate"), path = "no_deflate.rs")]
mod deflate;
mod events;
mod fragments;
mod notices;
mod publish;
mod send;
mod stream;

pub(crate) use events::EVENT_STREAM;
