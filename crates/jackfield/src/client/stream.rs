//! An answer whose body is sent in parts.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::Sent;
use jackfield_proto::http1::{BodyError, Fields, Phase};

/// An answer whose body is sent in parts, in its first callback or in any later one
/// ([`Connection::as_response`](crate::Connection::as_response)). Further requests of the connection wait until its
/// end.
pub struct ResponseStream<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(ResponseStream);

impl ResponseStream<'_> {
    /// Sends a part. One that would go beyond the announced length is [`Sent::Unfit`].
    pub fn write(&mut self, part: &(impl AsRef<[u8]> + ?Sized)) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_part(wires, *id, part.as_ref())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// It is shorter than was announced: the connection closes then, so that the client can tell.
    pub fn finish(self) -> Result<(), BodyError> {
        self.finish_with(&Fields::new())
    }

    /// Ends the body, with trailers where the client can take them.
    ///
    /// # Errors
    /// As [`ResponseStream::finish`].
    pub fn finish_with(mut self, trailers: &Fields) -> Result<(), BodyError> {
        let Connection { id, wires, links } = &mut self.connection;
        links.end_stream(wires, *id, trailers)
    }
}

impl Connection<'_> {
    /// The connection as an answer whose body is being sent, if it is one.
    pub fn as_response(&mut self) -> Option<ResponseStream<'_>> {
        let streams =
            matches!(self.protocol(), Protocol::Http(machine) if machine.phase() == Phase::Streaming);
        streams.then(|| ResponseStream { connection: self.reborrow() })
    }
}
