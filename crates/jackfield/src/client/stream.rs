//! An answer whose body is sent in parts.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::Sent;
use jackfield_proto::http1::{BodyError, Fields, Owed};

/// An answer whose body is sent in parts, in its first callback or in any later one
/// ([`Connection::as_response`](crate::Connection::as_response)). The next requests of the connection wait until its
/// end.
///
/// ```
/// use jackfield::{Client, Exchange, Request};
///
/// struct Rows;
///
/// impl Client for Rows {
///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
///         let mut stream = exchange.stream(200, "text/csv");
///         for row in 0..10 {
///             stream.write(&format!("{row};{}\n", row * row));
///         }
///         let _ = stream.finish();
///     }
/// }
/// ```
///
/// To drop it does not end the answer: a later callback may continue it. If nothing is written for
/// [`Limits::answer_timeout`](crate::Limits::answer_timeout), the connection is reset with
/// [`Timeout::Answer`](crate::Timeout::Answer). The answer ends at once when the peer closes its side, unless
/// [`Limits::half_closed`](crate::Limits::half_closed) keeps such connections.
pub struct ResponseStream<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(ResponseStream);

impl ResponseStream<'_> {
    /// Sends a part. A part that would exceed the announced length is [`Sent::Unsupported`]. [`Sent::Gone`]: the connection is gone
    /// or closing, or the answer has no body (to `HEAD`, or because of a status such as 204 or 304) and is complete already.
    pub fn write(&mut self, part: &(impl AsRef<[u8]> + ?Sized)) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        links.send_part(wires, *id, part.as_ref())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// It is shorter than announced: then the connection closes, so that the peer notices it.
    pub fn finish(self) -> Result<(), BodyError> {
        self.finish_with(&Fields::new())
    }

    /// Ends the body, with trailers. They are sent in HTTP/1.1, if no length was announced; otherwise they are dropped, as the peer
    /// may drop them too (RFC 9110 section 6.5.1).
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
        let streams = matches!(self.protocol(), Protocol::Http(machine) if machine.owed() == Owed::Streaming);
        streams.then(|| ResponseStream { connection: self.reborrow() })
    }
}
