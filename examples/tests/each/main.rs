//! Every example is started on a port of the system's choice and used, with clients of others where there are any.

#[path = "../../../crates/jackfield/tests/common/mod.rs"]
mod common;
#[path = "../../../crates/jackfield-reactor/tests/common/configs.rs"]
mod configs;
#[path = "../common/http.rs"]
mod http;
#[path = "../../../crates/jackfield-reactor/tests/common/identity.rs"]
mod identity;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/sockets.rs"]
mod sockets;

mod addresses;
mod conversations;
mod every;
mod first;
mod nobody;
mod protocols;
mod proxy;
mod proxy_ends;
mod proxy_fields;
mod refused;
mod secure_curl;
mod sites;
mod sizes;
mod streams;
mod testbed_broker;
mod testbed_events;
mod testbed_http;
mod testbed_sockets;
mod testbed_tls;
mod tls_reload;
mod transcripts;
