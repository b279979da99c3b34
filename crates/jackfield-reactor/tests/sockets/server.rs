//! A reactor on a thread of its own, with real sockets, that reports its events to the test.

use jackfield_reactor::{
    Addr, ConnectionId, Driver, Incoming, Limits, ListenOptions, Listener, Mailbox, Reason, Service, Session,
    Stream, Wires,
};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the server does. The rest is the same for all tests: bytes are counted, ends are told.
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    /// What is put above the stream.
    pub(crate) session: Box<dyn FnMut(Stream) -> Session + Send>,
    /// On a wire that can be talked to.
    pub(crate) open: fn(&mut Wires, ConnectionId),
    pub(crate) bytes: fn(&mut Wires, ConnectionId, &mut [u8]) -> usize,
    pub(crate) end: fn(&mut Wires, ConnectionId),
    pub(crate) drain: fn(&mut Wires, ConnectionId),
}

impl Default for Plan {
    /// Echoes, and closes when the peer has finished.
    fn default() -> Self {
        Self {
            // What is not about time does not hurry.
            limits: Limits {
                linger: LONG,
                linger_max: LONG,
                handshake: LONG,
                write_stall: LONG,
                flush_interval: LONG,
                ..Limits::default()
            },
            session: Box::new(Session::Plain),
            open: |_, _| {},
            bytes: echo,
            end: |wires, id| wires.close(id, Reason::Peer),
            drain: |_, _| {},
        }
    }
}

pub(crate) fn echo(wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
    say(wires, id, rx);
    rx.len()
}

pub(crate) fn say(wires: &mut Wires, id: ConnectionId, bytes: &[u8]) {
    let high = wires.limits().outbox_bytes_high;
    let Some(outbox) = wires.outbox(id) else { return };
    outbox.tail().extend_from_slice(bytes);
    if outbox.queued_bytes() > high {
        wires.flush_early(id);
    }
}

/// What the test is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Open(ConnectionId),
    Congested,
    Drained,
    End { cut: bool },
    Closed(Reason),
    Done,
}

/// What the test asks for. Each command is answered by [`Told::Done`].
pub(crate) type Command = Box<dyn FnOnce(&mut Wires) + Send>;

pub(crate) struct Server {
    pub(crate) addr: Addr,
    pub(crate) mailbox: Arc<Mailbox<Command>>,
    told: mpsc::Receiver<Told>,
    thread: JoinHandle<(usize, usize)>,
}

/// Longer than anything takes here: what comes later is a hang.
pub(crate) const LONG: Duration = Duration::from_secs(60);

impl Server {
    pub(crate) fn start(plan: Plan) -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        Self::start_at(Listener::bind(any, &ListenOptions::default()).expect("a free port"), plan)
    }

    pub(crate) fn start_at(listener: Listener, plan: Plan) -> Self {
        let addr = listener.local_addr().expect("it is bound");
        let mut driver = Driver::new(7, plan.limits.clone()).expect("an event queue");
        driver.listen(listener).expect("it can be registered");
        let mailbox = Arc::new(Mailbox::new(Some(driver.waker().expect("a waker")), 100, usize::MAX));
        let (tell, told) = mpsc::channel();
        let mut service =
            Talker { plan, tell, mailbox: mailbox.clone(), commands: Vec::new(), was_congested: false };
        let thread = std::thread::spawn(move || {
            driver.run(&mut service).expect("polling does not fail");
            (driver.reactor.wires.len(), driver.reactor.wires.timers())
        });
        Self { addr, mailbox, told, thread }
    }

    /// The next thing that it tells.
    #[track_caller]
    pub(crate) fn told(&self) -> Told {
        self.told.recv_timeout(LONG).expect("it tells something in time")
    }

    /// Whether it has told this by now.
    #[cfg(feature = "tls")]
    pub(crate) fn has_told(&self, wanted: Told) -> bool {
        self.told.try_iter().any(|told| told == wanted)
    }

    /// Waits for an end that was told, whatever comes before it.
    #[track_caller]
    pub(crate) fn closed(&self) -> Reason {
        loop {
            if let Told::Closed(reason) = self.told() {
                return reason;
            }
        }
    }

    /// Has something done on its thread, and waits until it is.
    #[track_caller]
    pub(crate) fn ask(&self, command: impl FnOnce(&mut Wires) + Send + 'static) {
        self.mailbox.post(Box::new(command), 1).ok().expect("there is room for a command");
        while self.told() != Told::Done {}
    }

    /// Stops it after the last lingering connection, for which there is a deadline. Nothing must be left.
    #[track_caller]
    pub(crate) fn stop(self) {
        let lingering = Arc::new(AtomicUsize::new(1));
        while lingering.load(Ordering::Relaxed) > 0 {
            let told = lingering.clone();
            self.ask(move |wires| told.store(wires.lingering(), Ordering::Relaxed));
        }
        self.mailbox.post(Box::new(Wires::halt), 1).ok().expect("there is room for a command");
        assert_eq!(self.thread.join().expect("it did not panic"), (0, 0), "wires and timers are left");
    }
}

struct Talker {
    plan: Plan,
    tell: mpsc::Sender<Told>,
    mailbox: Arc<Mailbox<Command>>,
    commands: Vec<Command>,
    was_congested: bool,
}

impl Talker {
    fn tell(&self, told: Told) {
        // A test that is over doesn't listen any more.
        let _ = self.tell.send(told);
    }
}

impl Service for Talker {
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming) {
        let session = (self.plan.session)(incoming.stream);
        let is_plain = matches!(session, Session::Plain(_));
        let id = wires.insert(session, incoming.peer).expect("there is room");
        if is_plain {
            self.on_established(wires, id);
        }
    }

    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.tell(Told::Open(id));
        (self.plan.open)(wires, id);
    }

    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        assert!(wires.may_handle_bytes(id), "it is read although it should not be");
        let used = (self.plan.bytes)(wires, id, rx);
        if wires.is_congested(id) && !std::mem::replace(&mut self.was_congested, true) {
            self.tell(Told::Congested);
        }
        used
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        #[cfg(feature = "tls")]
        let cut = wires.was_cut(id);
        #[cfg(not(feature = "tls"))]
        let cut = false;
        self.tell(Told::End { cut });
        (self.plan.end)(wires, id);
    }

    fn on_drain(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.tell(Told::Drained);
        (self.plan.drain)(wires, id);
    }

    fn on_idle(&mut self, _: &mut Wires, _: ConnectionId, _: Duration) {}

    fn on_timer(&mut self, _: &mut Wires, _: ConnectionId, _: u32) {}

    fn on_wake(&mut self, wires: &mut Wires) {
        let mut commands = std::mem::take(&mut self.commands);
        self.mailbox.take(&mut commands, usize::MAX);
        for command in commands.drain(..) {
            command(wires);
            self.tell(Told::Done);
        }
        self.commands = commands;
    }

    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason) {
        // Even if the system does not know it any more, as after a reset.
        let addr = wires.peer(id).expect("it is known to the last").addr;
        assert!(addr.ip().is_none_or(|ip| ip.is_loopback()) && wires.local_addr(id).is_ok());
        self.tell(Told::Closed(reason));
    }

    fn on_accept_error(&mut self, _: &mut Wires, _: usize, error: &io::Error) {
        panic!("accepting failed: {error}");
    }
}

/// Bytes that tell where they were, so that none is lost or moved unseen.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
