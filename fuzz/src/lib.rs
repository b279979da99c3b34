//! What each fuzz target asserts: not only that nothing crashes, but that a property holds for any bytes.
//!
//! ```sh
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run http1_request
//! ```

mod http1;
mod server;
mod sse;
mod websocket;

pub use http1::http1_request;
pub use server::server;
pub use sse::sse_stream;
pub use websocket::{websocket_frames, websocket_handshake};

/// Takes the number that says where the rest is cut into two: all targets that feed a machine compare whole with cut.
fn cut(data: &[u8]) -> Option<(usize, &[u8])> {
    let (at, rest) = data.split_at_checked(2)?;
    let at = usize::from(u16::from_le_bytes([at[0], at[1]]));
    Some((at.min(rest.len()), rest))
}
