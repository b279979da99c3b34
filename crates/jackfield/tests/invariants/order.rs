//! In which order callbacks come, and that nothing but the acts decides on it.

use crate::SECOND;
use crate::support::probe::{Log, Probe, Watcher};
use crate::support::real::{self, Live};
use crate::support::{Lab, socket};
use jackfield::test::{FarEnd, TestOptions};
use jackfield::{Drain, Message, Server, TimerId};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn one_connections_callbacks_are_ordered_and_never_overlap() {
    // Each connection has a log of its own, which panics if two callbacks run at once.
    let connects = Arc::new(AtomicUsize::new(0));
    let disconnects = connects.clone();
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(3), move |_peer| {
        disconnects.fetch_add(1, Ordering::Relaxed);
        let probe = Probe {
            on_open: |_, socket| {
                socket.subscribe("room");
                socket.set_timer(TimerId(1), Duration::from_millis(1));
            },
            on_timer: |_, connection, timer| connection.set_timer(timer, Duration::from_millis(1)),
            on_message: |_, socket, message| {
                socket.send(message);
                socket.publish("room", message);
            },
            on_disconnect: |probe, _, _| {
                let events = probe.log.events();
                assert_eq!(events.first().map(String::as_str), Some("connect"));
                assert_eq!(probe.log.count("disconnect"), 1, "{events:?}");
                let messages: Vec<&String> =
                    events.iter().filter(|event| event.starts_with("text")).collect();
                assert!(messages.is_sorted(), "{events:?}");
            },
            ..Probe::default()
        };
        probe.noted_in(&Log::default())
    });
    let peers: Vec<_> = (0..6)
        .map(|_| {
            let addr = live.addr();
            thread::spawn(move || {
                let mut stream = real::connect(addr);
                stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
                let mut reader = stream.try_clone().unwrap();
                let sink = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                for number in 0..500 {
                    stream.write_all(&socket::text(&format!("{number:04}"))).unwrap();
                }
                stream.write_all(&socket::close(1000, "")).unwrap();
                sink.join().unwrap().unwrap();
            })
        })
        .collect();
    while !peers.iter().all(thread::JoinHandle::is_finished) {
        live.handle.publish("room", "from outside");
        thread::sleep(Duration::from_millis(1));
    }
    for peer in peers {
        peer.join().unwrap();
    }
    real::wait_until(|| live.handle.count() == 0);
    assert_eq!(connects.load(Ordering::Relaxed), 6);
    assert_eq!(live.handle.metrics().panics, 0);
}

#[test]
fn no_callback_is_entered_from_inside_another() {
    // Everything that may call back is done inside of a callback. A probe panics if it does.
    let watcher = Watcher::default();
    let options = TestOptions { observer: Arc::new(watcher.clone()), ..TestOptions::default() };
    let mut lab = Lab::with_options(options, || Probe {
        on_message: |_, socket, _| {
            let own = socket.id();
            let peers: Vec<_> = socket.connection_ids().into_iter().filter(|peer| *peer != own).collect();
            for peer in peers {
                socket.send_to(peer, Message::Binary(&[0; 300_000]));
                assert_eq!(socket.close_other(peer), Ok(()));
            }
            let big = vec![0; 2 << 20];
            while socket.send(&big[..]).is_accepted() {}
            socket.handle().shutdown(Drain::now());
        },
        ..Probe::default()
    });
    let ends = [lab.websocket(), lab.websocket(), lab.connect()];
    ends[0].set_room(Some(0));
    lab.say(&ends[0], socket::text("go"));
    lab.advance(SECOND * 5);
    assert_eq!(watcher.log.count("panic"), 0, "{:?}", watcher.log.events());
    assert_eq!((lab.connections(), lab.log.count("disconnect")), (0, 3));
}

/// A session in which much depends on order, and all that came of it.
fn busy_day() -> (Vec<Vec<u8>>, Vec<String>, u64) {
    let mut lab = Lab::new(|| Probe {
        on_open: |_, socket| {
            for topic in ["a", "b", "c"] {
                socket.subscribe(topic);
            }
        },
        on_message: |_, socket, message| {
            socket.publish_to_all("b", message);
            let peers: Vec<_> = socket.connection_ids();
            for peer in peers {
                socket.send_to(peer, "to each");
                socket.set_timer(TimerId(peer.slot() as u16), Duration::from_millis(20));
            }
        },
        on_timer: |_, connection, timer| {
            connection.publish("c", &*format!("{timer:?}"));
        },
        on_request: |_, exchange, _| {
            exchange.events().subscribe("b");
        },
        on_disconnect: |_, connection, _| {
            connection.publish("a", "gone");
        },
        ..Probe::default()
    });
    let mut ends: Vec<FarEnd> = Vec::new();
    for index in 0..40_u64 {
        ends.push(if index % 5 == 0 { lab.events() } else { lab.websocket() });
        let speaker = &ends[(index as usize * 7) % ends.len()];
        speaker.send(&socket::text("hello"));
        lab.server.handle().publish("a", &*format!("{index}"));
        if index % 6 == 5 {
            ends[index as usize / 2].reset();
        }
        lab.advance(Duration::from_millis(7 * index));
    }
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 40);
    (ends.iter().map(FarEnd::take).collect(), lab.log.events(), lab.server.handle().metrics().turns)
}

#[test]
fn the_same_acts_give_the_same_bytes() {
    let (one, two) = (busy_day(), busy_day());
    assert_eq!(one.1, two.1);
    assert_eq!(one.0, two.0);
    assert_eq!(one.2, two.2);
    assert!(one.0.iter().map(Vec::len).sum::<usize>() > 10_000, "much has happened");
}
