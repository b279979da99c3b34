//! What every machine of this crate answers with.

/// What a machine made of the bytes it was shown.
///
/// `E` is the event, which borrows the bytes; `X` is the error that the bytes deserve. After [`Step::Event`] and
/// [`Step::Need`] the caller drops as many bytes from the front as the number says, and after an event it steps
/// again with the rest.
#[derive(Debug)]
pub enum Step<E, X> {
    /// Took this number of bytes (often none) and needs more than the rest before it can say anything.
    Need(usize),
    /// Nothing is parsed before the outstanding answer is given. Took no byte.
    Paused,
    /// An event, and how many bytes from the front it used up.
    Event(usize, E),
    /// The bytes break the protocol. The machine will not go on: tell the peer what the error says, and close.
    Fault(X),
}
