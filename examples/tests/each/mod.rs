//! Each example, as the head of its file says.

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
