//! Passes each connection on to another server: two connections that write to each other, and pause each other.
//!
//! ```sh
//! cargo run --example bridge -- --listen 127.0.0.1:9002 --to db.example:5432
//! ```

use jackfield::{
    Busy, Client, Connection, ConnectionId, Disconnect, Listener, Outgoing, Raw, Sent, Server, TimerId,
};
use options::Options;
use std::{any::Any, time::Duration};

/// One end of a bridge: the id of the other end, and the address to connect to. The first end waits until the second is
/// connected.
struct End(Option<ConnectionId>, String);

impl Client for End {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        // Read this end also while it is congested: only a congested other end is a reason to pause it.
        connection.set_read_while_congested(true);
        if self.0.is_some() {
            return self.on_drain(connection);
        }
        connection.pause_read();
        if connection.connect(Outgoing::tcp(&self.1).tag(connection.id().to_bits())).is_err() {
            connection.close();
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        if self.0.map(|other| raw.send_to(other, &*data)) == Some(Sent::Congested) {
            raw.pause_read();
        }
        data.len()
    }

    /// Resumes the other end, and tells it the id of this one. If the mailbox is full, tries again a little later.
    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        let Some(other) = self.0 else { return };
        match connection.handle().post(other, connection.id()) {
            Err(refused) if refused.why == Busy::Full => {
                connection.set_timer(TimerId(0), Duration::from_millis(10));
            }
            Err(_gone) => connection.close(),
            Ok(()) => {}
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        self.on_drain(connection);
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        self.0 = value.downcast().ok().map(|id| *id);
        connection.resume_read();
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        let _ = self.0.map(|other| connection.close_other(other));
    }
}

fn main() -> jackfield::Result<()> {
    let options = Options::read("bridge [--listen ADDR] [--to ADDR]");
    let to = options.value("--to").unwrap_or("127.0.0.1:9001").to_owned();
    let addr = options.value("--listen").unwrap_or("127.0.0.1:9002");
    let builder = Server::builder().listen(Listener::tcp(addr).raw()).shutdown_on_signals();
    let server = builder.bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: a client of {to}, at {0} instead", server.local_addr());
    server.serve(move |peer| End(peer.tag().map(ConnectionId::from_bits), to.clone()))
}
