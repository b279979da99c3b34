//! Commands of other threads.

use crate::support::get;
use crate::world::{CONNECTIONS, World};
use jackfield::test::TestOptions;
use jackfield::{Body, Busy, ConnectionId, Handle, Heartbeat, NotPosted, Outgoing, Prepared};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// So many commands cost at least so much each, and nothing once they are carried out.
#[track_caller]
fn check_commands(what: &str, commands: usize, least: usize, send: impl Fn(&Handle, ConnectionId)) {
    let mut world = World::new(TestOptions::default(), |me, it| {
        if me == 1 {
            it.subscribe("all");
        }
    });
    world.server.advance(Duration::from_secs(2));
    let before = world.charged();
    let id = world.server.wires().ids().next().unwrap();
    let what = format!("{commands} {what}");
    world.check(&what, least * commands, |server| (0..commands).for_each(|_| send(&server.handle(), id)));
    // A connection that fails at once ends a millisecond later.
    world.server.advance(Duration::from_millis(1));
    // A connection that has got messages has some state more.
    assert!(world.charged() <= before + 200, "{what}: everything is given back");
}

#[test]
fn n5_commands_are_charged() {
    for commands in [1000, 10_000, 11_000, 20_000] {
        check_commands("notes", commands, 40, |handle, id| handle.post(id, ()).unwrap());
        check_commands("values", commands, 200, |handle, id| handle.post(id, [7u64; 20]).unwrap());
        check_commands("messages", commands, 2000, |handle, id| handle.send(id, &[7; 2000][..]).unwrap());
        check_commands("closures", commands, 200, |handle, _| {
            let captured = [7u64; 20];
            handle.run_on(0, move |_| assert_eq!(captured[0], 7)).unwrap();
        });
    }
}

#[test]
fn n5_messages_and_closes_that_wait_as_commands_are_charged() {
    check_commands("publications", 1000, 2000, |handle, _| {
        assert_eq!(handle.publish("all", &[7; 2000][..]).reactors, 1);
    });
    check_commands("values for a topic", 1000, 2000, |handle, _| {
        assert_eq!(handle.post_to_topic("all", vec![7_u8; 2000]).reactors, 1);
    });
    let heartbeat = Heartbeat::every(Duration::from_secs(100)).payload([7; 125]);
    check_commands("heartbeats", 1000, 125, |handle, _| handle.set_heartbeat(heartbeat.clone()).unwrap());
    let reason = "x".repeat(120);
    check_commands("closes", 1000, 120, |handle, id| handle.close_with(id, 1000, &reason).unwrap());
}

/// Each fails before it connects: a header is invalid.
#[test]
fn n5_connections_that_wait_as_commands_are_charged() {
    let long = "x".repeat(500);
    check_commands("connections", 1000, 2000, |handle, _| {
        let outgoing = Outgoing::websocket(format!("ws://192.0.2.1:80/{long}"));
        handle.connect(outgoing.subprotocol(&long).header("no name", &long)).unwrap();
    });
}

#[test]
fn n5_answers_that_wait_as_commands_are_charged() {
    let mut world = World::new(TestOptions::default(), |_, _| ());
    world.ends.iter().for_each(|far| far.send(get("/").as_bytes()));
    world.server.run();
    let replies = world.replies.clone();
    world.check("answers", 3000 * CONNECTIONS, |_| {
        for reply in replies.borrow_mut().drain(..) {
            let sent =
                reply.response(200).header("X-Long", "x".repeat(1000)).body("text/plain", vec![7; 2000]);
            assert!(sent.is_ok());
        }
    });
}

/// The heap memory of what is posted most is known; of other types the caller says it.
#[test]
fn n5_the_heap_memory_of_posted_values_is_charged() {
    fn check<T: Any + Send>(what: &str, make: impl Fn() -> T) {
        check_commands(what, 200, 5000, |handle, id| handle.post(id, make()).unwrap());
    }
    let bytes = || vec![7_u8; 5000];
    let text = || "x".repeat(5000);
    check("vectors", bytes);
    check("vectors with room", || {
        let mut few = Vec::with_capacity(5000);
        few.push(7_u8);
        few
    });
    check("strings", text);
    check("boxed bytes", || bytes().into_boxed_slice());
    check("boxed texts", || text().into_boxed_str());
    check("shared bytes", || Arc::<[u8]>::from(bytes()));
    check("shared texts", || Arc::<str>::from(text()));
    check("bodies", || Body::Owned(bytes()));
    check("shared bodies", || Body::Shared(bytes().into()));
    check("prepared messages", || Prepared::new(bytes()));
    check("read files", || std::io::Result::Ok(bytes()));
    check("read texts", || std::io::Result::Ok(text()));
    check_commands("results of jobs", 200, 5000, |handle, id| {
        assert!(handle.offload(id, move || vec![7_u8; 5000]).is_ok());
    });
    check_commands("values of an unknown type", 200, 5000, |handle, id| {
        handle.post_sized(id, (1, bytes()), 5000).unwrap();
    });
}

/// The mailbox is full long before the memory is gone.
#[test]
fn n5_large_posts_fill_the_mailbox() {
    const MIB: usize = 1 << 20;
    let world = World::new(TestOptions::default(), |_, _| ());
    let (handle, id) = (world.server.handle(), world.server.wires().ids().next().unwrap());
    let mut posted = 0;
    let mut next = vec![7_u8; MIB];
    for _ in 0..65_536 {
        next = match handle.post(id, next) {
            Ok(()) => {
                posted += 1;
                vec![7; MIB]
            }
            Err(NotPosted { value, why }) => {
                assert_eq!((value.len(), why), (MIB, Busy::Full));
                value
            }
        };
    }
    assert_eq!(posted, 64, "as many as `mailbox_bytes_max` has room for");
}
