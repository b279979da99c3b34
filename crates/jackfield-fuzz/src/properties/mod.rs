//! What holds for any bytes: one function for each of the [targets](crate::TARGETS).
//!
//! None of them only waits for a crash. They assert that it does not matter how the bytes were cut
//! ([`same_however_cut`](crate::same_however_cut)), that limits hold, that nothing comes after a refusal, that what was
//! read, written and read again is the same, and that what one role says the other understands. Each panics if that is
//! not so, and is as good in a test: there it cuts the bytes everywhere.

mod forms;
mod http1_chunked;
mod http1_client;
mod http1_head;
mod http1_machine;
mod proxy;
mod server;
mod sse;
mod websocket;
mod websocket_deflate;
mod websocket_handshake;

pub use forms::forms;
pub use http1_chunked::http1_chunked;
pub use http1_client::http1_client;
pub use http1_head::http1_head;
pub use http1_machine::http1_machine;
pub use proxy::proxy;
pub use server::server;
pub use sse::sse_stream;
pub use websocket::{websocket_client, websocket_server};
pub use websocket_deflate::websocket_deflate;
pub use websocket_handshake::websocket_handshake;

use jackfield_proto::http1::{Fields, HeaderIter};

/// The fields that users may set, so that encoders accept them; without `Host`, which has its own place.
fn free_fields(headers: HeaderIter<'_>) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in headers.filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        // What an encoder writes itself is refused.
        let _ = fields.push(name, value);
    }
    fields
}
