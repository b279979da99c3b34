//! An HTTP connection of a test client, and its answers.

use super::client_end::ClientEnd;
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, HeaderSlots, Limits};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A connection's state, which it keeps between two requests.
pub(super) struct Http {
    pub(super) line: ClientEnd,
    pub(super) machine: ClientMachine,
    slots: HeaderSlots,
    /// The answers that are not complete, in the order of their requests.
    due: VecDeque<Rc<RefCell<Coming>>>,
}

/// A request that was sent. Its answer may come later.
pub struct TestExchange {
    http: Rc<RefCell<Http>>,
    coming: Rc<RefCell<Coming>>,
    answer: TestResponse,
    is_whole: bool,
}

/// What has come of an answer since its exchange looked last.
#[derive(Default)]
struct Coming {
    answer: TestResponse,
    is_whole: bool,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestResponse {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Http {
    pub(super) fn new(line: ClientEnd) -> Self {
        Self { line, machine: ClientMachine::new(), slots: HeaderSlots::new(), due: VecDeque::new() }
    }

    /// Takes what has come, each part for the exchange that it belongs to.
    fn pull(&mut self) {
        self.line.pull();
        while let Some(first) = self.due.front() {
            let (used, event) = match self.machine.step(&self.line.rx, &mut self.slots, &Limits::default()) {
                Step::Event(used, event) => (used, event),
                Step::Need(used) => {
                    self.line.rx.drain(..used);
                    return;
                }
                Step::Paused => return,
                Step::Fault(error) => panic!("the server breaks HTTP: {error}"),
            };
            let is_whole = first.borrow_mut().take(event);
            self.line.rx.drain(..used);
            if is_whole {
                self.due.pop_front();
            }
        }
    }
}

impl Coming {
    /// True if the answer is complete with this event.
    fn take(&mut self, event: ClientEvent<'_>) -> bool {
        self.is_whole = self.answer.take(event);
        self.is_whole
    }
}

impl TestExchange {
    pub(super) fn new(http: Rc<RefCell<Http>>) -> Self {
        let coming = Rc::new(RefCell::new(Coming::default()));
        http.borrow_mut().due.push_back(coming.clone());
        Self { http, coming, answer: TestResponse::default(), is_whole: false }
    }

    /// The answer, if it is complete.
    ///
    /// # Panics
    /// The answer breaks HTTP, or the connection ended in the middle of it.
    pub fn answer(&mut self) -> Option<TestResponse> {
        self.pull();
        self.is_whole.then(|| self.answer.clone())
    }

    /// The part of the body that has come so far.
    pub fn body(&mut self) -> &[u8] {
        self.pull();
        &self.answer.body
    }

    pub(super) fn take_body(&mut self) -> Vec<u8> {
        self.pull();
        std::mem::take(&mut self.answer.body)
    }

    /// The part of the answer that has come so far.
    pub(super) fn so_far(&self) -> &TestResponse {
        &self.answer
    }

    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn http(&self) -> &Rc<RefCell<Http>> {
        &self.http
    }

    pub(super) fn pull(&mut self) {
        let http = &mut *self.http.borrow_mut();
        http.pull();
        if !self.coming.borrow().is_whole && http.line.is_finished() {
            match http.machine.end_of_input() {
                // It ends the answer that was coming, which may be that of an earlier request.
                Ok(Some(_)) => {
                    if let Some(first) = http.due.pop_front() {
                        first.borrow_mut().is_whole = true;
                    }
                }
                Ok(None) => {}
                Err(_) => panic!("the connection ended before the answer was whole: {:?}", self.answer),
            }
        }
        let mut coming = self.coming.borrow_mut();
        self.is_whole = coming.is_whole;
        self.answer.take_over(&mut coming.answer);
    }
}

impl TestResponse {
    /// True if the answer is complete with this event.
    fn take(&mut self, event: ClientEvent<'_>) -> bool {
        let is_switch = matches!(event, ClientEvent::Switched(_));
        match event {
            ClientEvent::Interim(_) => {}
            ClientEvent::Head(head) | ClientEvent::Switched(head) => {
                self.status = head.status();
                let headers = head.headers().map(|(name, value)| (name.to_owned(), value.to_vec()));
                self.headers = headers.collect();
            }
            ClientEvent::Body(part) => self.body.extend_from_slice(part),
            ClientEvent::End => return true,
        }
        is_switch
    }

    /// Takes what has come of the same answer since the last call.
    fn take_over(&mut self, came: &mut Self) {
        if came.status != 0 {
            self.status = std::mem::take(&mut came.status);
            self.headers = std::mem::take(&mut came.headers);
        }
        self.body.append(&mut came.body);
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header with this name, in any case. `None` if there is none, or if its value is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// All headers, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    /// The body is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("the body is no text: {error}"))
    }
}
