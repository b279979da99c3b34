//! What connections, and those who send them commands, make the server hold beside buffers is charged: what is charged is
//! what the allocator gave, within 5 %, and is given back. For buffers see `scoreboard/n5.rs`.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls.rs"]
mod tls;

mod commands;
mod extra;
mod sessions;
mod topics;
mod world;
