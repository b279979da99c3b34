//! Answers that are JSON.

use crate::client::{Exchange, Reply, ResponseBuilder, ResponseTarget};
use crate::message::Sent;
use jackfield_proto::http1::FieldError;
use serde::Serialize;

const JSON: &str = "application/json";

impl Exchange<'_> {
    /// Answers with 200 and a value as JSON (feature `json`). A value that can't be written as JSON, such as a map with
    /// keys that are not strings, is a bug of the caller: it is logged as an error, and the answer is a 500.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request};
    ///
    /// #[derive(serde::Serialize)]
    /// struct Sum {
    ///     sum: u32,
    /// }
    ///
    /// struct Adder;
    ///
    /// impl Client for Adder {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         match request.json::<Vec<u32>>() {
    ///             Ok(numbers) => exchange.json(&Sum { sum: numbers.iter().sum() }),
    ///             Err(error) => exchange.respond(error.status(), "text/plain", error.to_string()),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn json<T: Serialize + ?Sized>(self, value: &T) {
        match written(value) {
            Some(body) => self.ok(JSON, body),
            None => self.error(500),
        }
    }
}

impl Reply {
    /// As [`Exchange::json`]. The result is that of [`Reply::respond`].
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Sent {
        match written(value) {
            Some(body) => self.ok(JSON, body),
            None => self.error(500),
        }
    }
}

impl<T: ResponseTarget> ResponseBuilder<T> {
    /// Sends the answer with a value as JSON, as [`Exchange::json`].
    ///
    /// # Errors
    /// The first header line that is not valid. The answer is a 500 then.
    pub fn json<V: Serialize + ?Sized>(self, value: &V) -> Result<T::Outcome, FieldError> {
        match written(value) {
            Some(body) => self.body(JSON, body),
            None => self.fail(),
        }
    }
}

fn written<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    let written = serde_json::to_vec(value);
    if let Err(error) = &written {
        log::error!(target: "jackfield::client", "a `{}` can't be written as JSON: {error}", std::any::type_name::<T>());
    }
    written.ok()
}
