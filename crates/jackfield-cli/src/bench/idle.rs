//! `idle`: connections that send one request, and then only cost memory.

use super::http::{Answers, Found, Http};
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use super::ws::{Socket, Sockets};
use jackfield_proto::http1::Limits;

/// Opens connections, and leaves them alone after one request, or the upgrade to a WebSocket.
#[derive(Debug)]
pub(crate) enum Idle {
    Http(Http),
    WebSocket(Sockets),
}

/// One connection.
#[derive(Debug)]
pub(crate) enum Sleeper {
    Http(Box<Answers>),
    WebSocket(Socket),
}

impl Speaker for Idle {
    type State = Sleeper;

    fn connect(&mut self, _index: usize) -> (Sleeper, Part) {
        let state = match self {
            Self::Http(_) => Sleeper::Http(Box::new(Answers::new())),
            Self::WebSocket(sockets) => Sleeper::WebSocket(sockets.socket()),
        };
        (state, Part::Listens)
    }

    fn open(&mut self, state: &mut Sleeper, out: &mut Vec<u8>) -> Opened {
        match (self, state) {
            (Self::WebSocket(sockets), Sleeper::WebSocket(socket)) => sockets.shake(socket, out),
            (Self::Http(http), _) => {
                out.extend_from_slice(http.request());
                Opened::Waits
            }
            (Self::WebSocket(_), Sleeper::Http(_)) => Opened::Waits,
        }
    }

    fn send(&mut self, _state: &mut Sleeper, _due: u64, _out: &mut Vec<u8>) {}

    fn receive(&mut self, state: &mut Sleeper, rx: &mut [u8], heard: &mut Heard<'_>) -> Result<usize, Fault> {
        match (self, state) {
            (Self::WebSocket(sockets), Sleeper::WebSocket(socket)) => {
                sockets.receive(socket, rx, heard, |_message, _heard| Ok(()))
            }
            (Self::Http(http), Sleeper::Http(answers)) => {
                match answers.step(http.method(), rx, &Limits::default())? {
                    Found::Part(used) => Ok(used),
                    Found::Whole(used, 200..=299) => {
                        heard.ready();
                        Ok(used)
                    }
                    Found::Whole(_, status) => Err(Fault(format!("status {status}").into())),
                }
            }
            (Self::Http(_), Sleeper::WebSocket(_)) | (Self::WebSocket(_), Sleeper::Http(_)) => Ok(rx.len()),
        }
    }
}
