//! The keys of a wire's timers. The largest are the reactor's; all smaller ones are the service's.

pub(crate) const IDLE: u32 = u32::MAX;
pub(crate) const STALL: u32 = u32::MAX - 1;
pub(crate) const LINGER: u32 = u32::MAX - 2;
pub(crate) const HANDSHAKE: u32 = u32::MAX - 3;
pub(crate) const MEMORY: u32 = u32::MAX - 4;
pub(crate) const UNREAD: u32 = u32::MAX - 5;
pub(crate) const FLUSH: u32 = u32::MAX - 6;
pub(crate) const READ_TOKENS: u32 = u32::MAX - 7;
pub(crate) const WRITE_TOKENS: u32 = u32::MAX - 8;
pub(crate) const FLUSH_END: u32 = u32::MAX - 9;

/// The largest timer key that the service may use.
pub const TIMER_KEY_MAX: u32 = u32::MAX - 16;

/// Timers with keys up to this one are charged to their connection, except for the first of them. Those with larger keys are few,
/// and part of the cost of each connection.
pub const CHARGED_TIMER_KEY_MAX: u32 = 0xffff;
