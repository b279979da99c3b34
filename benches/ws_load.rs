//! One WebSocket connection that sends messages and waits for their echo, a given number of times: enough to count a
//! server's system calls by.
//!
//! ```sh
//! ws-load 127.0.0.1:9001 100000 20 1    # address, messages, bytes of each, messages sent at once
//! ```

use jackfield_proto::websocket::{self, Event, Limits, Machine, Message, Opcode, Scratch};
use jackfield_proto::{
    Step,
    http1::{self, ClientEvent, ClientMachine, HeaderSlots},
};
use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut number = |default| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (messages, bytes, burst) = (number(100_000usize), number(20usize), number(1).max(1));
    let mut stream = TcpStream::connect(&addr)?;
    stream.set_nodelay(true)?;
    open(&mut stream, &addr)?;
    let begin = Instant::now();
    let mut left = messages;
    while left > 0 {
        echo(&mut stream, bytes, burst.min(left))?;
        left -= burst.min(left);
    }
    let each = begin.elapsed() / u32::try_from(messages).unwrap_or(u32::MAX).max(1);
    println!("{messages} echoes of {bytes} bytes, {burst} at once, {each:?} each");
    Ok(())
}

/// The opening handshake. Its key need not be random on loopback.
fn open(stream: &mut TcpStream, addr: &str) -> Result<()> {
    let key = [7; 16];
    let mut request = Vec::new();
    websocket::encode_request("/", addr, key, &[], &[], &mut request).map_err(Error::other)?;
    let mut machine = ClientMachine::new();
    machine.expect_response("GET").map_err(Error::other)?;
    stream.write_all(&request)?;
    let (mut rx, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut chunk)?;
        rx.extend_from_slice(&chunk[..count]);
        match machine.step(&rx, &mut HeaderSlots::new(), &http1::Limits::default()) {
            Step::Event(_, ClientEvent::Switched(response)) => {
                let accepted = websocket::check_response(response.status(), response.headers(), key, &[]);
                return accepted.map(drop).map_err(Error::other);
            }
            Step::Need(_) if count > 0 => {}
            _ => return Err(Error::other("the server did not accept the WebSocket")),
        }
    }
}

/// Sends a burst of messages, and waits for all echoes.
fn echo(stream: &mut TcpStream, bytes: usize, burst: usize) -> Result<()> {
    let (mut frames, mut scratch, mut machine) = (Vec::new(), Scratch::new(), Machine::client());
    for _ in 0..burst {
        websocket::encode_masked(Opcode::Binary, true, &vec![b'x'; bytes], [1, 2, 3, 4], &mut frames);
    }
    stream.write_all(&frames)?;
    let (mut rx, mut chunk, mut left) = (Vec::new(), vec![0; 64 << 10], burst);
    while left > 0 {
        let count = stream.read(&mut chunk)?;
        rx.extend_from_slice(&chunk[..count]);
        loop {
            let used = match machine.step(&mut rx, &mut scratch, &Limits::default()) {
                Step::Event(used, Event::Message(Message::Binary(echo))) if echo.len() == bytes => {
                    left -= 1;
                    used
                }
                Step::Need(used) if count > 0 => {
                    rx.drain(..used);
                    break;
                }
                _ => return Err(Error::other("this is not the echo")),
            };
            rx.drain(..used);
        }
    }
    Ok(())
}
