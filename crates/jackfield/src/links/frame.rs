//! Where a WebSocket stands whose client looks at its frames.

use jackfield_proto::websocket::FramePayload;

/// Where a WebSocket stands whose client looks at its frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum FrameState {
    /// The next byte begins a frame.
    #[default]
    Head,
    /// In a frame for the machine, which has still to use this many bytes.
    Passing(u64),
    /// In a frame that its client has taken over.
    Taken(FramePayload),
    /// In the frame at which its connection was closed.
    Dropped(FramePayload),
}

impl FrameState {
    /// True if the last part of a frame that was taken over is still to be handed out, and is empty.
    pub(crate) fn is_end_due(self) -> bool {
        matches!(self, Self::Taken(payload) if payload.bytes_left() == 0)
    }
}
