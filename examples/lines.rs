//! A protocol of your own over TCP, in lines: an adding machine with a banner.
//!
//! ```sh
//! cargo run --example lines -- --listen 127.0.0.1:2000
//! nc 127.0.0.1 2000
//! ```
//!
//! The server sends the banner first. Then each line is a command: `ADD n`, `TOTAL`, `QUIT`. Each answer is a line that
//! begins with `+` or `-`.

use jackfield::{Client, Listener, Raw, Server};

/// One for each connection, with the total of that connection.
#[derive(Default)]
struct Adder {
    total: i64,
}

impl Client for Adder {
    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        let answer = match self.obey(&String::from_utf8_lossy(line)) {
            Some(Ok(total)) => format!("+ {total}\r\n"),
            Some(Err(complaint)) => format!("- {complaint}\r\n"),
            None => {
                // Queued output is written before the end.
                raw.send("+ bye\r\n");
                return raw.close();
            }
        };
        raw.send(&answer);
    }

    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        raw.send("- a line is too long\r\n");
        raw.close();
    }
}

impl Adder {
    /// The total after a command, or the mistake in it. `None`: the peer quits.
    fn obey(&mut self, line: &str) -> Option<Result<i64, &'static str>> {
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "ADD" => Some(self.add(argument).ok_or("ADD takes a number, and the total must fit")),
            "TOTAL" => Some(Ok(self.total)),
            "QUIT" => None,
            _ => Some(Err("the commands are ADD n, TOTAL, QUIT")),
        }
    }

    fn add(&mut self, number: &str) -> Option<i64> {
        self.total = self.total.checked_add(number.parse().ok()?)?;
        Some(self.total)
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("lines [--listen ADDR]", "127.0.0.1:2000");
    let listener = Listener::tcp(addr)
        .lines()
        .banner("+ adding machine, at your service\r\n")
        .busy_banner("- no room, try again later\r\n");
    let server =
        Server::builder().listen(listener).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    let addr = server.local_addr();
    println!("listening on {addr}\ntry: nc {} {}", addr.ip(), addr.port());
    server.serve(|_peer| Adder::default())
}
