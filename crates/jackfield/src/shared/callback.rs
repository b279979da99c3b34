//! Names of callbacks, for the watchdog.

/// The callback that a reactor is running. The watchdog reads its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Callback {
    /// No code of the user's.
    None,
    Create,
    Connect,
    Secure,
    Head,
    Body,
    Request,
    Upgrade,
    Open,
    Message,
    Part,
    Control,
    Frame,
    FramePart,
    Data,
    Line,
    PeerClosed,
    Goodbye,
    Timer,
    Post,
    Visit,
    Drain,
    Sent,
    Heartbeat,
    /// A tick, or a closure of another thread; it belongs to no connection.
    Reactor,
    Disconnect,
}

/// Their names, by number.
pub(crate) const NAMES: [&str; 26] = [
    "",
    "ClientFactory::create",
    "on_connect",
    "on_secure",
    "on_head",
    "on_body",
    "on_request",
    "on_upgrade",
    "on_open",
    "on_message",
    "on_message_part",
    "on_control",
    "on_frame",
    "on_frame_part",
    "on_data",
    "on_line",
    "on_peer_closed",
    "on_goodbye",
    "on_timer",
    "on_post",
    "Handle::with_client",
    "on_drain",
    "on_sent",
    "on_heartbeat",
    "Setup::every or Handle::run_on",
    "on_disconnect",
];
