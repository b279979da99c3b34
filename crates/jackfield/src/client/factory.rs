//! Factories, which make a client for each connection.

use crate::client::Client;
use crate::config::Refuse;
use crate::shared::Peer;

/// Makes the client of each connection that a reactor takes up. One is made for each reactor, on its thread.
#[doc(alias = "ClientClass")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make clients",
    note = "a closure that makes them is given to `Server::serve`"
)]
pub trait ClientFactory {
    /// Your own type; each connection gets an instance.
    type Client: Client;

    /// Makes the client of a new connection, or refuses it.
    ///
    /// # Errors
    /// [`Refuse`] says what the new connection gets.
    #[doc(alias = "OnClientCreate")]
    #[doc(alias = "getConnectionImpl")]
    fn create(&mut self, peer: &Peer) -> Result<Self::Client, Refuse>;
}

/// What a closure that makes clients may return: a client, or a [`Result`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a client nor a refusal of one",
    note = "the closure for `Server::serve` returns a value whose type implements `Client`, or a `Result` of it with `Refuse`"
)]
pub trait IntoClient {
    /// The client's type.
    type Client: Client;

    /// The client, or why there is none.
    ///
    /// # Errors
    /// The refusal that the closure returned.
    fn into_client(self) -> Result<Self::Client, Refuse>;
}

impl<C: Client> IntoClient for C {
    type Client = C;

    fn into_client(self) -> Result<C, Refuse> {
        Ok(self)
    }
}

impl<C: Client> IntoClient for Result<C, Refuse> {
    type Client = C;

    fn into_client(self) -> Self {
        self
    }
}

/// A closure as a factory. It is a separate type because with a blanket implementation the closure's argument could not
/// be inferred.
pub(crate) struct Closure<F>(pub(crate) F);

impl<F, M> ClientFactory for Closure<F>
where
    F: FnMut(&Peer) -> M,
    M: IntoClient,
{
    type Client = M::Client;

    fn create(&mut self, peer: &Peer) -> Result<M::Client, Refuse> {
        (self.0)(peer).into_client()
    }
}
