//! Code of another thread that runs with a connection's client.

use crate::client::Client;
use crate::client::connection::Connection;
use crate::shared::{Busy, Command, Handle};
use jackfield_reactor::ConnectionId;
use std::any::{Any, type_name};

/// A closure for a client of any type. `Err`: it needs a client of another type, and this is its name.
pub(crate) type Visit = Box<dyn FnOnce(&mut dyn Any, &mut Connection<'_>) -> Result<(), &'static str> + Send>;

impl Handle {
    /// Runs a closure with the client of a connection, on its reactor's thread and between its callbacks, if the connection
    /// still exists. `C` is the type of the client; if clients are `Box<dyn Client>`, it is the type in the box. If the client
    /// is of another type, the closure is dropped, and that is logged. A panic ends the connection, as in a callback. As with
    /// [`Handle::run_on`], heap memory behind what the closure has captured does not count in the mailbox.
    ///
    /// ```
    /// use jackfield::{Client, ConnectionId, Handle};
    /// use std::sync::mpsc;
    ///
    /// struct Player {
    ///     moves: u32,
    /// }
    ///
    /// impl Client for Player {}
    ///
    /// /// How many moves a player has made; `None` if it has gone. Not for a reactor's own thread, which would wait for itself.
    /// fn moves(handle: &Handle, id: ConnectionId) -> Option<u32> {
    ///     let (tell, told) = mpsc::channel();
    ///     handle.with_client(id, move |player: &mut Player, _connection| tell.send(player.moves)).ok()?;
    ///     told.recv().ok()
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Busy`]: the closure does not run, and is dropped.
    #[doc(alias = "GetTaskRunner")]
    #[doc(alias = "notify")]
    pub fn with_client<C: Client, R>(
        &self,
        id: ConnectionId,
        run: impl FnOnce(&mut C, &mut Connection<'_>) -> R + Send + 'static,
    ) -> Result<(), Busy> {
        let captured = size_of_val(&run);
        let visit: Visit = Box::new(move |client, connection| {
            let client = client.downcast_mut::<C>().ok_or(type_name::<C>())?;
            run(client, connection);
            Ok(())
        });
        self.remote_of(id)?.post(Command::RunWith(id, Box::new(visit), captured))
    }
}
