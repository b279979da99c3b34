//! One HTTP connection that sends requests and waits for their answers, a given number of times: enough to count a
//! server's instructions and system calls by.
//!
//! Its arguments are the address, the number of requests, how many are sent at a time, and which request: `small`, `parameter`
//! or `browser`.
//!
//! ```sh
//! http-load 127.0.0.1:8080 100000 1 small
//! ```

use jackfield_benches::{BROWSER_REQUEST, PARAMETER_REQUEST, SMALL_REQUEST};
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, HeaderSlots, Limits};
use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let mut number = |default| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (requests, burst) = (number(100_000usize), number(1).max(1));
    let request = match args.next().as_deref() {
        Some("browser") => BROWSER_REQUEST,
        Some("parameter") => PARAMETER_REQUEST,
        _ => SMALL_REQUEST,
    };
    let mut stream = TcpStream::connect(&addr)?;
    stream.set_nodelay(true)?;
    let begin = Instant::now();
    let mut left = requests;
    while left > 0 {
        exchange(&mut stream, request, burst.min(left))?;
        left -= burst.min(left);
    }
    let each = begin.elapsed() / u32::try_from(requests).unwrap_or(u32::MAX).max(1);
    println!("{requests} requests of {} bytes, {burst} at once, {each:?} each", request.len());
    Ok(())
}

/// Sends a burst of requests, and waits for all answers.
fn exchange(stream: &mut TcpStream, request: &[u8], burst: usize) -> Result<()> {
    let (mut machine, mut slots) = (ClientMachine::new(), HeaderSlots::new());
    for _ in 0..burst {
        machine.expect_response("GET").map_err(Error::other)?;
    }
    stream.write_all(&request.repeat(burst))?;
    let (mut rx, mut chunk, mut left) = (Vec::new(), vec![0; 64 << 10], burst);
    while left > 0 {
        let count = stream.read(&mut chunk)?;
        rx.extend_from_slice(&chunk[..count]);
        loop {
            let used = match machine.step(&rx, &mut slots, &Limits::default()) {
                Step::Event(used, ClientEvent::Head(response)) if response.status() == 200 => used,
                Step::Event(used, ClientEvent::Body(_)) => used,
                Step::Event(used, ClientEvent::End) => {
                    left -= 1;
                    used
                }
                Step::Need(_) if count > 0 && left > 0 => break,
                Step::Need(_) | Step::Paused if left == 0 => break,
                _ => return Err(Error::other("this is not the answer")),
            };
            rx.drain(..used);
        }
    }
    Ok(())
}
