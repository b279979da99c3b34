//! Requests of a test client.

use super::client_end::ClientEnd;
use super::events::TestEvents;
use super::http::{Http, TestExchange, TestResponse};
use super::websocket::{KEY, TestWebSocket};
use crate::message::HeaderValue;
use jackfield_proto::http1::{ClientMachine, Fields, RequestBody, RequestToSend};
use jackfield_proto::websocket::encode_request;
use std::cell::RefCell;
use std::rc::Rc;

/// An HTTP connection of a test client, for several requests to the same client of yours.
pub struct TestConnection(Rc<RefCell<Http>>);

/// A request to send: see [`TestServer::get`](super::TestServer::get).
#[must_use]
pub struct TestRequest {
    http: Rc<RefCell<Http>>,
    method: String,
    target: String,
    host: String,
    fields: Fields,
    body: Option<Vec<u8>>,
}

impl TestConnection {
    pub(super) fn new(line: ClientEnd) -> Self {
        Self(Rc::new(RefCell::new(Http::new(line))))
    }

    /// A GET request on this connection.
    pub fn get(&self, target: &str) -> TestRequest {
        self.request("GET", target)
    }

    /// A POST request on this connection.
    pub fn post(&self, target: &str) -> TestRequest {
        self.request("POST", target)
    }

    /// A request with any method on this connection.
    pub fn request(&self, method: &str, target: &str) -> TestRequest {
        TestRequest {
            http: self.0.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            host: "test".to_owned(),
            fields: Fields::new(),
            body: None,
        }
    }

    /// True once the server has closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let line = &mut self.0.borrow_mut().line;
        line.pull();
        line.is_finished()
    }

    /// Closes the client's side, in good order.
    pub fn close(&self) {
        self.0.borrow_mut().line.finish();
    }

    /// Resets the connection.
    pub fn reset(&self) {
        self.0.borrow_mut().line.reset();
    }
}

impl TestRequest {
    /// Adds a header. `Host` is set with [`TestRequest::host`], and `Content-Length` is added with the body.
    ///
    /// # Panics
    /// The header can't be sent.
    pub fn header(mut self, name: &str, value: impl HeaderValue) -> Self {
        let added = value.push_to(&mut self.fields, name);
        added.unwrap_or_else(|error| panic!("the header `{name}` can't be sent: {error}"));
        self
    }

    /// The `Host` header. Default: `test`.
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// The body; it also sets `Content-Length`. Default: none.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the request and returns the answer.
    ///
    /// # Panics
    /// There is no answer, or it breaks HTTP. For a deferred answer use [`TestRequest::begin`].
    #[must_use]
    pub fn send(self) -> TestResponse {
        let what = format!("{} {}", self.method, self.target);
        let answer = self.begin().answer();
        answer.unwrap_or_else(|| panic!("{what} is not answered: use `begin` if the answer comes later"))
    }

    /// Sends the request. The answer may come later: after time has passed, or from another thread.
    ///
    /// # Panics
    /// The request can't be sent.
    pub fn begin(self) -> TestExchange {
        let mut out = Vec::new();
        let encoded = self.encode(&mut self.http.borrow_mut().machine, &mut out);
        encoded.unwrap_or_else(|error| panic!("it can't be sent: {error}"));
        self.http.borrow_mut().line.send(&out);
        TestExchange::new(self.http)
    }

    /// Sends a request that was encoded elsewhere.
    fn say(&self, method: &str, bytes: &[u8]) -> TestExchange {
        let begun = self.http.borrow_mut().machine.expect_response(method);
        begun.unwrap_or_else(|error| panic!("it can't be sent: {error}"));
        self.http.borrow_mut().line.send(bytes);
        TestExchange::new(self.http.clone())
    }

    fn encode(&self, machine: &mut ClientMachine, out: &mut Vec<u8>) -> Result<(), String> {
        let Self { method, target, host, fields, body, .. } = self;
        let head = RequestToSend { method, target, host, fields };
        let length = body.as_ref().map_or(RequestBody::None, |body| RequestBody::Length(body.len() as u64));
        machine.encode_request(&head, length, out).map_err(|error| error.to_string())?;
        if let Some(body) = body {
            machine.encode_part(body, out).map_err(|error| error.to_string())?;
            machine.encode_end(&Fields::new(), out).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Sends an upgrade to WebSocket, and offers these subprotocols.
    ///
    /// # Errors
    /// The server's answer, if it refuses the upgrade.
    ///
    /// # Panics
    /// There is no answer, or a 101 that breaks the rules of the opening handshake (RFC 6455 section 4.1).
    pub fn websocket(self, protocols: &[&str]) -> Result<TestWebSocket, TestResponse> {
        let fields =
            self.fields.iter().map(|(name, value)| (name, std::str::from_utf8(value).unwrap_or_default()));
        let fields: Vec<(&str, &str)> = fields.collect();
        let mut head = Vec::new();
        let encoded = encode_request(&self.target, &self.host, KEY, protocols, &fields, &mut head);
        encoded.unwrap_or_else(|error| panic!("it can't be sent: {error}"));
        let mut exchange = self.say("GET", &head);
        let answer = exchange.answer().unwrap_or_else(|| panic!("the upgrade is not decided on"));
        if answer.status() == 101 {
            Ok(TestWebSocket::new(self.http, &answer, protocols))
        } else {
            Err(answer)
        }
    }

    /// Sends a request for an event stream.
    ///
    /// # Errors
    /// The server's answer, if it is no event stream.
    ///
    /// # Panics
    /// There is no answer.
    pub fn events(self) -> Result<TestEvents, TestResponse> {
        let request = self.header("Accept", "text/event-stream");
        let mut exchange = request.begin();
        exchange.pull();
        let is_stream = exchange
            .so_far()
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        assert!(exchange.so_far().status() != 0, "the request is not answered");
        if exchange.so_far().status() == 200 && is_stream {
            Ok(TestEvents::new(exchange))
        } else {
            Err(exchange.so_far().clone())
        }
    }
}
