//! What every machine of this crate returns.

/// What a machine made of the bytes that it was given.
///
/// `E` is the event, which borrows the bytes; `X` is the error. After [`Step::Event`] and [`Step::Need`] the caller drops as
/// many bytes from the front as the number says, and after an event it steps again with the rest.
#[derive(Debug)]
pub enum Step<E, X> {
    /// Took this number of bytes (often none) and needs more than the rest before it can say anything.
    Need(usize),
    /// Took no byte, and takes none now: an answer must be given first; in the client's role, no further response is read.
    Paused,
    /// An event, and how many bytes from the front it used up.
    Event(usize, E),
    /// The bytes break the protocol, and the machine reads no more: answer as the error says, and close.
    Fault(X),
}
