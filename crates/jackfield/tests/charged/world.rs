//! A server with connections that do something, and what that costs.

use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{Client, Connection, Exchange, Finished, Observer, Raw, Reply, Request, TimerId};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What each connection does when it is its turn.
pub(crate) type Act = dyn Fn(usize, &mut Connection<'_>);

/// Does the same as the others when the server asks for it, by a timer that it has from the beginning.
struct Actor {
    number: usize,
    act: Rc<Act>,
    replies: Replies,
}

/// The answers that the connections are owed.
pub(crate) type Replies = Rc<RefCell<Vec<Reply>>>;

impl Client for Actor {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(0), Duration::from_secs(1));
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.replies.borrow_mut().push(exchange.defer());
    }

    fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        data.len()
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        if timer == TimerId(0) {
            (self.act)(self.number, connection);
        }
    }
}

/// Wants to know of finished exchanges.
pub(crate) struct Reader;

impl Observer for Reader {
    fn wants_finished(&self, _listener: usize) -> bool {
        true
    }

    fn on_finished(&self, _finished: &Finished<'_>) {}
}

pub(crate) const CONNECTIONS: usize = 200;

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) ends: Vec<FarEnd>,
    pub(crate) replies: Replies,
}

impl World {
    pub(crate) fn new(options: TestOptions, act: impl Fn(usize, &mut Connection<'_>) + 'static) -> Self {
        Self::with_connections_to(listener::HTTP, options, act)
    }

    pub(crate) fn with_connections_to(
        listener: usize,
        options: TestOptions,
        act: impl Fn(usize, &mut Connection<'_>) + 'static,
    ) -> Self {
        let (act, made): (Rc<Act>, _) = (Rc::new(act), Rc::new(RefCell::new(0)));
        let replies: Replies = Rc::new(RefCell::new(Vec::with_capacity(CONNECTIONS)));
        let theirs = replies.clone();
        let mut server = TestServer::with_options(options, move |_peer| {
            *made.borrow_mut() += 1;
            Actor { number: *made.borrow(), act: act.clone(), replies: theirs.clone() }
        });
        let ends = (0..CONNECTIONS).map(|_| server.connect_to(listener)).collect();
        Self { server, ends, replies }
    }

    pub(crate) fn charged(&self) -> usize {
        usize::try_from(self.server.handle().metrics().memory_bytes).unwrap()
    }

    /// What is charged for something is what the allocator gave for it.
    #[track_caller]
    pub(crate) fn check(&mut self, what: &str, least: usize, act: impl FnOnce(&mut TestServer)) {
        let before = self.charged();
        let given = measure(|| act(&mut self.server)).bytes_current;
        let (charged, given) = (self.charged() - before, usize::try_from(given).unwrap());
        println!("{what}: {charged} bytes charged, {given} given by the allocator");
        assert!(charged >= least, "{what}: only {charged} bytes");
        assert!(charged.abs_diff(given) * 20 <= given, "{what}: {charged} bytes charged, {given} given");
    }

    /// What connections hold is given back with them.
    #[track_caller]
    pub(crate) fn check_end(&mut self, what: &str) {
        self.ends.iter().for_each(FarEnd::reset);
        self.server.run();
        assert_eq!((self.server.wires().len(), self.charged()), (0, 0), "{what}: everything is given back");
    }
}

/// What each connection does costs at least so much for each.
#[track_caller]
pub(crate) fn check(
    what: &str,
    least: usize,
    begin: &[&[u8]],
    options: TestOptions,
    act: fn(usize, &mut Connection<'_>),
) {
    let mut world = World::new(options, act);
    for words in begin {
        world.ends.iter().for_each(|far| far.send(words));
        world.server.run();
    }
    world.check(what, least * CONNECTIONS, |server| server.advance(Duration::from_secs(2)));
    world.check_end(what);
}
