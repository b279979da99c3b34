//! Several reactors on one thread, so that the test says which of them comes first.

use super::*;
use crate::client::{Client, Closure, Setup};
use crate::dispatch::Dispatcher;
use crate::shared::{Command, ListenerState, Peer, ServerState};
use std::time::Duration;

struct Nobody;

impl Client for Nobody {}

enum Step {
    /// The second reactor accepts in place of the first.
    StandIn,
    Stop,
    Resume,
    /// This reactor has a turn.
    Turn(usize),
}

use Step::{Resume, StandIn, Stop, Turn};

/// After these steps the only listener of two reactors listens.
fn check_listening(steps: &[Step]) {
    let server = Server::builder().reactors(2).listen("127.0.0.1:0").bind().unwrap();
    let Server { settings, mut drivers, handle, .. } = server;
    handle.set_state(ServerState::Running);
    let mut services = [0, 1].map(|number| {
        let setup = Setup::new(number, handle.clone());
        Dispatcher::new(setup, Closure(|_peer: &Peer| Nobody), settings.clone())
    });
    for step in steps {
        match *step {
            StandIn => assert!(handle.post_reserved(1, Command::StandIn(true)).is_none()),
            Stop => handle.stop_listening(..).unwrap(),
            Resume => handle.resume_listening(..).unwrap(),
            Turn(reactor) => {
                drivers[reactor].poll(Some(Duration::ZERO), &mut services[reactor]).unwrap();
            }
        }
    }
    assert_eq!(handle.listeners()[0].state, ListenerState::Listening);
}

/// The first reactor was blocked, so it closed a stopped listener late. The one that stood in for it held the listener open meanwhile:
/// peers still came into its backlog, and when it was resumed, its address was in use, which stopped it for good.
#[test]
fn i397_a_listener_that_was_stopped_before_another_reactor_stands_in_is_closed_and_can_be_resumed() {
    check_listening(&[Stop, Turn(1), StandIn, Turn(1), Turn(0), Resume, Turn(0)]);
}

/// The one that stood in was blocked, so it held the listener open when it was resumed.
#[test]
fn i433_a_listener_that_another_reactor_still_holds_can_be_resumed() {
    check_listening(&[StandIn, Turn(1), Stop, Turn(0), Resume, Turn(0), Turn(1)]);
}
