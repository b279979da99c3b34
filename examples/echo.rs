//! A WebSocket server that sends every message back.
//!
//! ```text
//! $ cargo run --example echo -- --listen 127.0.0.1:9001
//! listening on 127.0.0.1:9001
//! try: http://127.0.0.1:9001/ in a browser, and in its console: s = new WebSocket('ws://127.0.0.1:9001'); ..
//! ```

use jackfield::{Client, Message, Server, WebSocket};

/// One for each connection. It has no state.
struct Echo;

impl Client for Echo {
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        // The result can be ignored: a peer that sends and never reads is closed by the server.
        socket.send(message);
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("echo [--listen ADDR]", "127.0.0.1:9001");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("{}s.onopen = () => s.send('hello')", options::in_the_console(server.local_addr()));
    server.serve(|_peer| Echo)
}
