//! Requests of any bytes.

use switchboard_proto::Step;
use switchboard_proto::http1::{DateBlock, Event, HeaderSlots, Limits, Machine, Phase, ResponseHead};

/// However the bytes are split, the same requests come, the same answers go, and the same refusal ends it; and no limit
/// is passed.
pub fn http1_request(data: &[u8]) {
    let Some((at, bytes)) = super::cut(data) else { return };
    let whole = play(&[bytes]);
    let (first, second) = bytes.split_at(at);
    assert_eq!(play(&[first, second]), whole, "cut at {at}");
}

/// A connection that collects small bodies and answers each request: what happened, and what was written.
fn play(parts: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let (mut machine, limits, date) = (Machine::new(), Limits::default(), DateBlock::new(0));
    let (mut rx, mut log, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        rx.extend_from_slice(part);
        while let Some(used) = step(&mut machine, &rx, &limits, &date, &mut log, &mut out) {
            rx.drain(..used);
        }
        assert!(
            machine.phase() == Phase::Done || rx.len() <= limits.head_bytes_max,
            "more is kept than a head may be"
        );
    }
    (log, out)
}

/// One step, answered. `None`: nothing more happens with these bytes.
fn step(
    machine: &mut Machine,
    rx: &[u8],
    limits: &Limits,
    date: &DateBlock,
    log: &mut Vec<String>,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    let (used, answer) = match machine.step(rx, &mut slots, &mut whole, limits) {
        Step::Event(used, Event::Head(request)) => {
            log.push(format!("{} {} {:?}", request.method(), request.target(), request.host()));
            if machine.collect(4096).is_err() {
                log.push("413".into());
                (used, Some(413))
            } else {
                (used, None)
            }
        }
        Step::Event(used, Event::Request(request) | Event::Upgrade(request)) => {
            log.push(format!("{} {} {:?}", request.method(), request.target(), request.host()));
            // A body that lay whole in the buffer meets the same bound as one that was announced.
            if request.body().len() > 4096 {
                log.push("413".into());
                (used, Some(413))
            } else {
                log.push(format!("{:?}", request.body()));
                (used, Some(200))
            }
        }
        Step::Event(used, Event::End(request)) => {
            log.push(format!("{:?}", request.body()));
            (used, Some(200))
        }
        Step::Event(_, Event::Body(_)) => panic!("nothing is streamed here"),
        Step::Need(0) | Step::Paused => return None,
        Step::Need(used) => (used, None),
        Step::Fault(error) => {
            log.push(error.status().to_string());
            if machine.phase() == Phase::Open {
                let _ = machine.respond(&ResponseHead::new(error.status(), ""), 0, date, out);
            }
            assert_eq!(machine.phase(), Phase::Done, "what is refused ends");
            return None;
        }
    };
    if let Some(status) = answer {
        let _ = machine.respond(&ResponseHead::new(status, "text/plain"), 0, date, out);
    }
    Some(used)
}
