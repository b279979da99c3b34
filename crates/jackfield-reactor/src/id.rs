//! The id of a connection. It is never used for another connection.

use mio::Token;
use std::fmt;
use std::str::FromStr;

/// The id of a connection: reactor (8 bits), generation (21 bits) and slot (24 bits) in one integer. The integer is also
/// the event token. It is less than 2^53, so programs whose only numbers are doubles, such as JSON in a browser, can
/// represent it. It is never 0.
///
/// A slot is used again after its connection has ended, but with the next generation. So an id that was kept too long names
/// no connection, and never another one. A slot is retired when its generations are used up, after two million connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

/// The number of slots of one reactor, which is the most connections that it can hold.
pub const SLOTS_MAX: usize = 1 << SLOT_BITS;
/// The most reactors of one server. The number after the last one is reserved for the driver's own event sources.
pub const REACTORS_MAX: usize = 255;

const SLOT_BITS: u32 = 24;
const GENERATION_BITS: u32 = 21;
const REACTOR_SHIFT: u32 = SLOT_BITS + GENERATION_BITS;
/// The last generation of a slot. They are counted from one in an id, so that none is 0.
pub(crate) const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 2;
const DRIVER: u64 = (REACTORS_MAX as u64) << REACTOR_SHIFT;

/// Tokens are pointer-sized, and an id must fit into one.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("jackfield needs a 64-bit target: a connection's id is its event token");

impl ConnectionId {
    /// An id that names no connection.
    pub const NONE: Self = Self(u64::MAX);
    /// The waker: a command waits in the mailbox.
    pub(crate) const WAKER: Self = Self(u64::MAX - 1);
    /// Stands for the current wire while there is none. No code outside has this id, so none can write into the cork
    /// with it.
    pub(crate) const NO_WIRE: Self = Self(u64::MAX - 2);
    /// The id of a slot whose generations are used up.
    pub(crate) const RETIRED: Self = Self(u64::MAX - 3);

    /// The id of a connection from its parts. `generation` is how often the slot was used before. For tables that store
    /// less than a whole id.
    pub fn new(reactor: u8, generation: u32, slot: usize) -> Self {
        debug_assert!(
            slot < SLOTS_MAX && usize::from(reactor) < REACTORS_MAX && generation <= GENERATION_MAX
        );
        Self(u64::from(reactor) << REACTOR_SHIFT | u64::from(generation + 1) << SLOT_BITS | slot as u64)
    }

    /// The id of a listener, by index.
    pub(crate) fn of_listener(index: usize) -> Self {
        Self(DRIVER | index as u64)
    }

    /// The index of the listener, if this is the id of one.
    pub(crate) fn as_listener(self) -> Option<usize> {
        (self.0 - self.slot() as u64 == DRIVER).then_some(self.slot())
    }

    pub(crate) fn token(self) -> Token {
        Token(self.0 as usize)
    }

    #[inline(always)]
    pub(crate) fn of_event(token: u64) -> Self {
        Self(token)
    }

    /// The number of the connection's reactor.
    #[inline(always)]
    #[doc(alias = "tid")]
    pub fn reactor(self) -> usize {
        (self.0 >> REACTOR_SHIFT) as usize
    }

    /// The index in the tables of its reactor.
    #[inline(always)]
    pub fn slot(self) -> usize {
        (self.0 & (SLOTS_MAX as u64 - 1)) as usize
    }

    /// How often the slot was used before.
    pub fn generation(self) -> u32 {
        ((self.0 >> SLOT_BITS) as u32 & ((1 << GENERATION_BITS) - 1)).saturating_sub(1)
    }

    /// The id as an integer from 1 to 2^53 - 1, for a log or a wire format.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The id from the integer of [`ConnectionId::to_bits`]. Any integer is allowed: one that no connection has gives an id
    /// that names no connection.
    pub fn from_bits(bits: u64) -> Self {
        let has_generation = bits >> SLOT_BITS & ((1 << GENERATION_BITS) - 1) != 0;
        if bits >= DRIVER || !has_generation { Self::NONE } else { Self(bits) }
    }
}

impl fmt::Display for ConnectionId {
    /// `r3-17.9`: reactor, slot, generation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}-{}.{}", self.reactor(), self.slot(), self.generation())
    }
}

/// The text is not the id of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the ID of a connection; one looks like `r3-17.9`")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for ConnectionId {
    type Err = NotAnId;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let parts = text.strip_prefix('r').and_then(|text| text.split_once('-'));
        let (reactor, (slot, generation)) =
            parts.and_then(|(reactor, rest)| Some((reactor, rest.split_once('.')?))).ok_or(NotAnId)?;
        let id = |text: &str| text.parse::<u32>().map_err(|_| NotAnId);
        let (reactor, slot, generation) = (id(reactor)?, id(slot)? as usize, id(generation)?);
        if reactor as usize >= REACTORS_MAX || slot >= SLOTS_MAX || generation > GENERATION_MAX {
            return Err(NotAnId);
        }
        Ok(Self::new(reactor as u8, generation, slot))
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_parts() {
        for (reactor, generation, slot) in [(0, 0, 0), (254, GENERATION_MAX, SLOTS_MAX - 1), (3, 9, 17)] {
            let id = ConnectionId::new(reactor, generation, slot);
            assert_eq!((id.reactor(), id.generation(), id.slot()), (usize::from(reactor), generation, slot));
            assert_eq!(ConnectionId::of_event(id.token().0 as u64), id);
            assert_eq!(id.as_listener(), None);
            assert_eq!(ConnectionId::from_bits(id.to_bits()), id);
            // A slot without a generation names nothing.
            assert_eq!(ConnectionId::from_bits(id.slot() as u64), ConnectionId::NONE);
            assert!((1..1 << 53).contains(&id.to_bits()), "a double can hold it, and it is not 0");
            assert_eq!(id.to_bits() as f64 as u64, id.to_bits());
        }
        assert_eq!(ConnectionId::new(3, 9, 17).to_string(), "r3-17.9");
        assert_eq!(format!("{:?}", ConnectionId::new(3, 9, 17)), "r3-17.9");
        assert_eq!("r3-17.9".parse(), Ok(ConnectionId::new(3, 9, 17)));
        for text in [
            "",
            "r3",
            "3-17.9",
            "r3-17",
            "r256-1.1",
            "r1-16777216.1",
            "r1-1.2097151",
            "r1-1.4294967296",
            "r1-1.-1",
        ] {
            assert_eq!(text.parse::<ConnectionId>(), Err(NotAnId), "{text}");
        }
    }

    #[test]
    fn the_drivers_sources_are_no_connections() {
        assert_eq!(ConnectionId::of_listener(5).as_listener(), Some(5));
        assert_eq!(ConnectionId::WAKER.as_listener(), None);
        assert_eq!(ConnectionId::NONE.as_listener(), None);
        for own in
            [ConnectionId::of_listener(0), ConnectionId::WAKER, ConnectionId::NO_WIRE, ConnectionId::RETIRED]
        {
            assert_eq!(
                ConnectionId::from_bits(own.to_bits()),
                ConnectionId::NONE,
                "nobody outside can name it"
            );
        }
    }
}
