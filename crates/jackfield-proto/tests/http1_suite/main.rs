//! HTTP/1.1: everything that feeds bytes feeds them whole, cut in two at each place, and byte by byte.

mod answers;
mod bodies;
mod client;
mod empty_line;
mod end_to_end;
mod origins;
mod requests;
mod round_trip;
mod server;
