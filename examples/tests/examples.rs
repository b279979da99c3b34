//! Every example is started on a port of the system's choice and used, with clients of others where there are any.
//!
//! It is one program, so that its tests run beside each other: the one with a browser takes as long as all others.

#[path = "../../crates/jackfield/tests/common/mod.rs"]
mod common;
#[path = "../../crates/jackfield-reactor/tests/common/configs.rs"]
mod configs;
#[path = "../../crates/jackfield-reactor/tests/common/identity.rs"]
mod identity;

#[path = "common/http.rs"]
mod http;
#[path = "common/process.rs"]
mod process;
#[path = "common/sockets.rs"]
mod sockets;

#[path = "browser/process.rs"]
mod chromium;
#[path = "browser/devtools.rs"]
mod devtools;
#[path = "browser/look.rs"]
mod look;

mod browser;
mod clients;
mod each;
mod feeds;
mod handlers;
mod testing;
