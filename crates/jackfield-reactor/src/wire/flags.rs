//! What is the matter with a wire besides its phase. All clear is the usual case, and one comparison.

/// On the list of those to be flushed at the end of the turn.
pub(crate) const DIRTY: u32 = 1;
/// On the list of those to be looked at in the next turn.
pub(crate) const AGAIN: u32 = 2;
/// On the list of those to be closed: at the end of the turn, or of their own event.
pub(crate) const ENDING: u32 = 4;
/// The user wants no bytes for now.
pub(crate) const PAUSED: u32 = 8;
/// The protocol wants no bytes for now: an answer is owed.
pub(crate) const AWAITS_ANSWER: u32 = 16;
/// Above high water: not read until it is drained.
pub(crate) const CONGESTED: u32 = 32;
/// The socket may hold something of which no further edge will tell.
pub(crate) const UNREAD: u32 = 64;
/// The carry is to be shown again although nothing was read behind it.
pub(crate) const RECHECK: u32 = 128;
/// The peer has finished its side.
pub(crate) const ENDED: u32 = 256;
/// Writing restarts the idle timeout as well: for a stream whose peer has nothing to say.
pub(crate) const WRITES_COUNT_AS_ACTIVITY: u32 = 512;
/// The kernel did not take all it was given, so that an edge will tell of room.
pub(crate) const WRITE_BLOCKED: u32 = 1024;
/// Nothing is written any more.
pub(crate) const CUT: u32 = 2048;
/// The connection is broken, which reading it will tell.
pub(crate) const BROKEN: u32 = 4096;
/// The peer has promised to send nothing more.
pub(crate) const LAST_WORD: u32 = 8192;
/// Memory is scarce, and this wire holds much of it.
pub(crate) const MEMORY_PAUSED: u32 = 1 << 14;
/// Its transport encrypts what it is given, and may keep some of it.
pub(crate) const ENCRYPTS: u32 = 1 << 15;
/// The peer has said more than it may, and is not read for a while.
pub(crate) const THROTTLED: u32 = 1 << 16;
/// Once its socket is empty, the layer above is told that the peer has ended.
pub(crate) const FINAL_READ: u32 = 1 << 17;
/// For one of these reasons a wire is not written to.
pub(crate) const NOT_WRITTEN: u32 = WRITE_BLOCKED | CUT;
/// For one of these reasons a wire is not read.
pub(crate) const NOT_READ: u32 = PAUSED | AWAITS_ANSWER | CONGESTED | MEMORY_PAUSED | THROTTLED;
