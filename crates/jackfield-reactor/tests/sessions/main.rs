//! What is spoken above a stream first, over memory: TLS of both sides, TLS that begins later, and preambles. Every byte
//! can be split from the next.

#![cfg(feature = "tls")]

#[path = "../common/configs.rs"]
mod configs;
#[path = "../common/identity.rs"]
mod identity;
mod preamble;
mod start_tls;
mod tls;
mod world;
