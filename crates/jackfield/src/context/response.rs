//! An answer with header lines of its own.

use super::exchange::{Exchange, add_event_stream_fields};
use super::stream::ResponseStream;
use super::upgrade::Upgrade;
use crate::late::Reply;
use crate::{Body, Connection, EventStream};
use jackfield_proto::http1::{FieldError, Fields, ResponseHead};

/// An answer with header lines of its own. Nothing is sent before `body` or `stream`.
///
/// A line that can't be written as it is, such as one with a line break in it, is never repaired: the answer becomes
/// a 500, and the error is returned.
#[derive(Debug)]
pub struct ResponseBuilder<T> {
    to: T,
    status: u16,
    fields: Fields,
    error: Option<FieldError>,
}

/// What can be answered with a [`ResponseBuilder`].
pub trait Answerable: sealed::Sealed {}

pub(crate) mod sealed {
    use crate::Body;
    use jackfield_proto::http1::Fields;

    /// Implemented by what takes an answer.
    pub trait Sealed: Sized {
        /// Gives the answer.
        fn answer(self, status: u16, content_type: &str, fields: Fields, body: Body<'_>);
    }
}

impl<T: Answerable> ResponseBuilder<T> {
    pub(crate) fn new(to: T, status: u16, mut fields: Fields) -> Self {
        fields.clear();
        Self { to, status, fields, error: None }
    }

    /// Adds a header line. The lines about framing and the date are written by the server itself.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Err(error) = self.fields.push(name, value) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Sends the answer. An empty content type sends none.
    ///
    /// # Errors
    /// The first header line that can't be written. The answer is a 500 then.
    pub fn body<'m>(self, content_type: &str, body: impl Into<Body<'m>>) -> Result<(), FieldError> {
        let Self { to, status, fields, error } = self;
        match error {
            None => {
                to.answer(status, content_type, fields, body.into());
                Ok(())
            }
            Some(error) => {
                to.answer(500, "", Fields::new(), Body::Borrowed(&[]));
                Err(error)
            }
        }
    }
}

impl<'a> ResponseBuilder<Exchange<'a>> {
    /// Begins the answer; its body follows in parts. With a length it must have just that many bytes.
    ///
    /// # Errors
    /// The first header line that can't be written. The answer is a 500 then.
    pub fn stream(
        self,
        content_type: &str,
        body_bytes: Option<u64>,
    ) -> Result<ResponseStream<'a>, FieldError> {
        let Self { mut to, status, fields, error } = self;
        if let Some(error) = error {
            to.respond(500, "", &[]);
            return Err(error);
        }
        to.begin_stream(&ResponseHead { status, content_type, fields: &fields }, body_bytes);
        to.connection.links.fields = fields;
        Ok(ResponseStream { connection: to.connection })
    }
}

impl<'a> ResponseBuilder<Exchange<'a>> {
    /// Begins a stream of server-sent events. Its status is 200, whatever was given.
    ///
    /// # Errors
    /// The first header line that can't be written. The answer is a 500 then.
    pub fn events(self) -> Result<EventStream<'a>, FieldError> {
        let Self { mut to, mut fields, error, .. } = self;
        if let Some(error) = error {
            to.respond(500, "", &[]);
            return Err(error);
        }
        add_event_stream_fields(&mut fields);
        to.begin_events(fields);
        Ok(EventStream { connection: to.connection })
    }
}

impl Connection<'_> {
    fn answer(&mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        let Self { id, wires, links } = self;
        links.respond(wires, *id, &ResponseHead { status, content_type, fields: &fields }, body);
        // Its buffer serves the next answer too.
        links.fields = fields;
    }
}

impl Answerable for Exchange<'_> {}

impl sealed::Sealed for Exchange<'_> {
    fn answer(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.connection.answer(status, content_type, fields, body);
    }
}

impl Answerable for Upgrade<'_> {}

impl sealed::Sealed for Upgrade<'_> {
    fn answer(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.connection.answer(status, content_type, fields, body);
    }
}

impl Answerable for Reply {}

impl sealed::Sealed for Reply {
    fn answer(self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.send(status, content_type, fields, body.into_owned());
    }
}
