//! Several reactors on one thread, so that the test says which of them comes first.

use super::*;
use crate::client::{Client, Closure, Setup};
use crate::dispatch::Dispatcher;
use crate::shared::{Command, ListenerState, Peer, ServerState};
use std::time::Duration;

struct Nobody;

impl Client for Nobody {}

/// The first reactor was blocked, so it closed a stopped listener late. The one that stood in for it held the listener open meanwhile:
/// peers still came into its backlog, and when it was resumed, its address was in use, which stopped it for good.
#[test]
fn i397_a_listener_that_was_stopped_before_another_reactor_stands_in_is_closed_and_can_be_resumed() {
    let server = Server::builder().reactors(2).listen("127.0.0.1:0").bind().unwrap();
    let Server { settings, mut drivers, handle, .. } = server;
    handle.set_state(ServerState::Running);
    let mut services = [0, 1].map(|number| {
        let setup = Setup::new(number, handle.clone());
        Dispatcher::new(setup, Closure(|_peer: &Peer| Nobody), settings.clone())
    });
    let mut poll = |reactor: usize| {
        drivers[reactor].poll(Some(Duration::ZERO), &mut services[reactor]).unwrap();
    };
    handle.stop_listening(..).unwrap();
    poll(1);
    assert!(handle.post_reserved(1, Command::StandIn(true)).is_none());
    poll(1);
    poll(0);
    handle.resume_listening(..).unwrap();
    poll(0);
    assert_eq!(handle.listeners()[0].state, ListenerState::Listening);
}
