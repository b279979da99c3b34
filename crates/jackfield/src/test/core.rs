//! The server behind a test: its reactor in memory, its clock, and the next peer's address.

use crate::shared::{Ending, Handle, ServerState};
use jackfield_reactor::{Dial, FarEnd, MemoryDriver, Service, Wires};
use std::cell::{Ref, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// A server in memory, which the test server and its clients share.
#[derive(Clone)]
pub(super) struct Core(Rc<RefCell<Inside>>);

struct Inside {
    driver: MemoryDriver,
    service: Box<dyn Service>,
    handle: Handle,
    peers: u16,
    /// Dropped last.
    _ending: Ending,
}

impl Core {
    pub(super) fn new(driver: MemoryDriver, service: Box<dyn Service>, handle: Handle) -> Self {
        let _ending = Ending(handle.clone());
        Self(Rc::new(RefCell::new(Inside { driver, service, handle, peers: 0, _ending })))
    }

    pub(super) fn connect_to(&self, listener: usize) -> FarEnd {
        let port = {
            let peers = &mut self.0.borrow_mut().peers;
            *peers = peers.wrapping_add(1);
            *peers
        };
        self.connect_from(([127, 0, 0, 1], port).into(), listener)
    }

    pub(super) fn connect_from(&self, peer: SocketAddr, listener: usize) -> FarEnd {
        let far = {
            let Inside { driver, service, .. } = &mut *self.0.borrow_mut();
            driver.connect(&mut **service, peer, listener)
        };
        self.run();
        far
    }

    pub(super) fn take_dials(&self) -> Vec<Dial> {
        self.0.borrow_mut().driver.take_dials()
    }

    pub(super) fn connect_without_descriptor(&self, listener: usize) -> FarEnd {
        let Inside { driver, service, .. } = &mut *self.0.borrow_mut();
        driver.connect_without_descriptor(&mut **service, ([127, 0, 0, 1], 1).into(), listener)
    }

    pub(super) fn fail_accept(&self, listener: usize, error: &io::Error) {
        let Inside { driver, service, .. } = &mut *self.0.borrow_mut();
        driver.fail_accept(&mut **service, listener, error);
    }

    pub(super) fn report_lag(&self, lag: Duration) {
        let Inside { driver, service, .. } = &mut *self.0.borrow_mut();
        driver.report_lag(&mut **service, lag, Duration::ZERO);
    }

    pub(super) fn run(&self) {
        let Inside { driver, service, handle, .. } = &mut *self.0.borrow_mut();
        loop {
            driver.run(&mut **service);
            match handle.remote(0) {
                Some(remote) if remote.has_commands() => driver.wake(&mut **service),
                _ => break,
            }
        }
        if driver.reactor.wires.is_halted() {
            // Its one reactor has ended, as after `Server::serve`.
            handle.end_reactor(0);
            handle.set_state(ServerState::Stopped);
        }
    }

    pub(super) fn advance(&self, span: Duration) {
        self.run();
        {
            let Inside { driver, service, .. } = &mut *self.0.borrow_mut();
            driver.advance(span, &mut **service);
        }
        self.run();
    }

    pub(super) fn skip(&self, span: Duration) {
        self.0.borrow_mut().driver.skip(span);
    }

    pub(super) fn handle(&self) -> Handle {
        self.0.borrow().handle.clone()
    }

    pub(super) fn wires(&self) -> Ref<'_, Wires> {
        Ref::map(self.0.borrow(), |inside| &inside.driver.reactor.wires)
    }
}
