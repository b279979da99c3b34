//! Topics.

use crate::world::{CONNECTIONS, World, check};
use jackfield::test::TestOptions;
use jackfield::{Connection, TimerId};
use std::time::Duration;

/// Subscribes to topics with names of about `bytes` bytes.
fn subscribe(connection: &mut Connection<'_>, whose: usize, topics: usize, bytes: usize) {
    for number in 0..topics {
        connection.subscribe(&format!("{whose} {number:0bytes$}"));
    }
}

#[test]
fn n5_topics_are_charged_with_their_names_memberships_and_tables() {
    let options = TestOptions::default;
    check("its own topics, with long names", 40_000, &[], options(), |me, it| subscribe(it, me, 128, 240));
    check("its own topics, with short names", 20_000, &[], options(), |me, it| subscribe(it, me, 128, 1));
    check("one topic of its own", 300, &[], options(), |me, it| subscribe(it, me, 1, 100));
    check("the same topics for all", 3000, &[], options(), |_, it| subscribe(it, 0, 128, 100));
    check("one topic for all", 200, &[], options(), |_, it| subscribe(it, 0, 1, 100));
    check("those that are left", 10_000, &[], options(), |me, it| {
        subscribe(it, me, 100, 100);
        (0..60).for_each(|number| assert!(it.unsubscribe(&format!("{me} {number:0100}"))));
    });
}

/// When the subscriber that was charged for a topic leaves, a subscriber that stays is charged for it.
#[test]
fn n5_a_topic_is_charged_as_long_as_it_has_subscribers() {
    let mut world = World::new(TestOptions::default(), |_, it| subscribe(it, 0, 128, 250));
    world.server.advance(Duration::from_secs(2));
    while let Some(far) = (world.ends.len() > 1).then(|| world.ends.remove(0)) {
        far.reset();
        world.server.run();
    }
    let left = world.charged();
    assert!((40_000..80_000).contains(&left), "{left} bytes for 128 topics of one member");
    world.check_end("the last one");
}

/// A topic had many members, and most of them have left.
#[test]
fn n5_after_a_peak_the_lists_of_members_shrink() {
    const STAY: usize = 10;
    let mut world = World::new(TestOptions::default(), |me, it| {
        if it.topics().next().is_none() {
            subscribe(it, 0, 64, 100);
            it.set_timer(TimerId(0), Duration::from_secs(1));
        } else if me > STAY {
            (0..64).for_each(|number| assert!(it.unsubscribe(&format!("0 {number:0100}"))));
        }
    });
    world.check("after a peak", 1000, |server| server.advance(Duration::from_secs(4)));
    world.check_end("after a peak");
}

/// Topics alone can make a connection too large. A client that has asked for nothing gets no answer then.
#[test]
fn n5_a_connection_with_too_many_topics_is_evicted_without_a_message() {
    let mut options = TestOptions::default();
    options.limits.reactor.wire_memory_bytes_max = 30_000;
    let mut world = World::new(options, |me, it| subscribe(it, me, 128, 250));
    world.server.advance(Duration::from_secs(2));
    assert_eq!(world.server.handle().metrics().evicted, CONNECTIONS as u64);
    assert!(world.ends.iter().all(|far| far.has_server_finished() && far.take().is_empty()));
    world.check_end("those who were evicted");
}
