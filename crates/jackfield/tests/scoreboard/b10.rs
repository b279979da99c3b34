//! What is pending for a peer has a bound, with what the kernel keeps.

use crate::support;
use jackfield::{Client, Connection, Listener, Raw, Server, TimerId};
use socket2::{Domain, Socket, Type};
use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use support::real::{LONG, Live};

const MESSAGE: [u8; 1000] = [7; 1000];
const PENDING_MAX: usize = 20;
const SEND_BUFFER: u32 = 16 << 10;
const LOOK: Duration = Duration::from_millis(20);

/// Has at most so many messages that have not left, and says how many bytes it has sent when none has left for ten looks.
struct Gauge {
    pending: usize,
    sent: usize,
    looks: usize,
    tell: Sender<usize>,
}

impl Gauge {
    fn fill(&mut self, connection: &mut Connection<'_>) {
        while self.pending < PENDING_MAX {
            assert!(connection.send_to(connection.id(), &MESSAGE).is_accepted());
            assert!(connection.notify_sent(0).is_accepted());
            self.pending += 1;
            self.sent += MESSAGE.len();
        }
    }
}

impl Client for Gauge {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.fill(connection);
        connection.set_timer(TimerId(0), LOOK);
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, _tag: u64) {
        self.pending -= 1;
        self.looks = 0;
        self.fill(connection);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        self.looks += 1;
        if self.looks == 10 {
            let _ = self.tell.send(self.sent);
        }
        connection.set_timer(timer, LOOK);
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.close();
        data.len()
    }
}

#[test]
fn b10_at_most_twenty_messages_and_a_small_buffer_of_the_kernel_are_pending() {
    let (tell, told) = channel();
    let listener = Listener::tcp("127.0.0.1:0").raw().send_buffer(SEND_BUFFER).notsent_lowat(0);
    let make = move |_: &jackfield::Peer| Gauge { pending: 0, sent: 0, looks: 0, tell: tell.clone() };
    let server = Live::serve(Server::builder().listen(listener).reactors(1), make);
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    client.connect(&server.addr().into()).unwrap();
    let own = client.recv_buffer_size().unwrap();
    // Nothing is read, so this is what is pending. A slow machine may stop early, and has less.
    let pending = told.recv_timeout(LONG).unwrap();
    // Linux doubles the size that is set, and takes one write more than fits.
    let kernel = 2 * SEND_BUFFER as usize + PENDING_MAX * MESSAGE.len() + 2 * own;
    let most = PENDING_MAX * MESSAGE.len() + kernel;
    assert!(pending <= most, "{pending} bytes are pending, of {most} that may be");
    // It goes on when the peer reads.
    let mut client = TcpStream::from(client);
    client.set_read_timeout(Some(LONG)).unwrap();
    let mut bytes = vec![0; 10 * most];
    client.read_exact(&mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 7));
}
