//! An answer with your own header lines.

#[cfg(feature = "compression")]
use crate::client::compression::Compression;
use crate::message::{Body, HeaderValue};
use jackfield_proto::http1::{FieldError, Fields, ResponseToSend};

/// An answer with your own header lines. Nothing is sent before `body` or `stream`.
///
/// ```
/// use jackfield::{Client, Exchange, Request};
///
/// struct Page;
///
/// impl Client for Page {
///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
///         let answer = exchange.response(200).header("Cache-Control", "max-age=60");
///         let _ = answer.body("text/plain", "hello");
///     }
/// }
/// ```
///
/// A line that is not valid, such as one with a line break, is never repaired: the answer becomes a 500, and the error
/// is returned.
#[derive(Debug)]
pub struct ResponseBuilder<T> {
    pub(super) to: T,
    pub(super) status: u16,
    pub(super) fields: Fields,
    pub(super) error: Option<FieldError>,
    #[cfg(feature = "compression")]
    pub(super) compression: Option<Compression>,
}

/// A value that can be answered with a [`ResponseBuilder`].
pub trait ResponseTarget: sealed::Sealed<Self::Outcome> {
    /// What is known when the answer is given: [`Sent`](crate::Sent) for a [`Reply`](crate::Reply), whose connection may be
    /// gone, and `()` for all others.
    type Outcome;
}

pub(crate) mod sealed {
    use crate::message::Body;
    use jackfield_proto::http1::Fields;

    /// Implemented by what takes an answer.
    pub trait Sealed<Outcome>: Sized {
        /// Gives the answer.
        fn answer(self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) -> Outcome;
    }
}

impl<T: ResponseTarget> ResponseBuilder<T> {
    pub(crate) fn new(to: T, status: u16, mut fields: Fields) -> Self {
        fields.clear();
        Self::with_fields(to, status, fields)
    }

    pub(crate) fn with_fields(to: T, status: u16, fields: Fields) -> Self {
        Self {
            to,
            status,
            fields,
            error: None,
            #[cfg(feature = "compression")]
            compression: None,
        }
    }

    /// Answers with a 500 without the header lines, which describe what could not be sent.
    #[cfg(any(feature = "files", feature = "json"))]
    pub(crate) fn fail(self) -> Result<T::Outcome, FieldError> {
        let outcome = self.to.answer(500, "", Fields::new(), Body::Borrowed(&[]));
        self.error.map_or(Ok(outcome), Err)
    }

    /// Changes the status. For an answer whose lines are made while the request is at hand, such as those of
    /// [`Cors::allow`](crate::Cors::allow), and whose status is known later.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")] {
    /// use jackfield::test::TestServer;
    /// use jackfield::{Client, Cors, Exchange, Request};
    ///
    /// struct Api;
    ///
    /// impl Client for Api {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         let answer = Cors::origins(["https://a.example"]).allow(exchange.defer().response(200), request);
    ///         std::thread::spawn(move || answer.status(201).body("text/plain", "made"));
    ///     }
    /// }
    ///
    /// let server = TestServer::new(|_peer| Api);
    /// let mut asked = server.get("/").header("Origin", "https://a.example").begin();
    /// let answer = loop {
    ///     if let Some(answer) = asked.answer() {
    ///         break answer;
    ///     }
    ///     std::thread::yield_now();
    /// };
    /// assert_eq!((answer.status(), answer.header("Access-Control-Allow-Origin")), (201, Some("https://a.example")));
    /// # }
    /// ```
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Adds a header line: text, bytes or an integer. The server itself writes the lines about framing and the date.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl HeaderValue) -> Self {
        if let Err(error) = value.push_to(&mut self.fields, name) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Compresses the body, if that makes it shorter and the peer accepts it: see [`Compression`] (feature `compression`).
    /// Default: no compression.
    #[cfg(feature = "compression")]
    #[must_use]
    pub fn compressed(self, compression: Compression) -> Self {
        match self.compression {
            Some(_) => Self { compression: Some(compression), ..self },
            None => Self { compression: Some(compression), ..self }.header("Vary", "Accept-Encoding"),
        }
    }

    /// Sends the answer. With an empty `content_type` the answer has no `Content-Type`, except one that was added with
    /// `header`. A [`Reply`](crate::Reply) returns what [`Reply::respond`](crate::Reply::respond) returns.
    ///
    /// # Errors
    /// The first header line or content type that is not valid. The answer is a 500 then.
    pub fn body<'m>(self, content_type: &str, body: impl Into<Body<'m>>) -> Result<T::Outcome, FieldError> {
        let error = self.unwritable(content_type);
        #[cfg(feature = "compression")]
        let compression = self.compression;
        #[cfg_attr(not(feature = "compression"), expect(unused_mut, reason = "compression adds lines"))]
        let Self { to, status, mut fields, .. } = self;
        match error {
            None => {
                let body = body.into();
                #[cfg(feature = "compression")]
                let body = match compression {
                    Some(compression) => compression.apply(status, content_type, &mut fields, body),
                    None => body,
                };
                Ok(to.answer(status, content_type, fields, body))
            }
            Some(error) => {
                to.answer(500, "", Fields::new(), Body::Borrowed(&[]));
                Err(error)
            }
        }
    }

    /// The error, if the answer can't be written with a body of this type.
    pub(super) fn unwritable(&self, content_type: &str) -> Option<FieldError> {
        let head = ResponseToSend { status: self.status, content_type, fields: &self.fields };
        self.error.or_else(|| head.check().err())
    }
}
