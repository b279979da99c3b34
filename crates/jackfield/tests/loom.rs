//! The directory of topics as loom sees it: each test is run once for every order in which its threads can meet. The
//! source is compiled a second time here, on top of loom's mutex and atomics.

#[expect(
    unreachable_pub,
    unused_imports,
    dead_code,
    reason = "it belongs to another crate, and not all of it is of use here"
)]
#[path = "../src/topics/mod.rs"]
mod topics;

use jackfield::ConnectionId;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use topics::{History, PositionSource, TopicIndex, TopicLogs, Topics};

/// What the directory finds in the server at the same path.
mod sync {
    pub(crate) use loom::model;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    /// Few, for each is looked at in every order.
    pub(crate) const TOPIC_NUMBERS: usize = 2;
}

const TOPIC: &str = "news";

fn connection(reactor: usize) -> ConnectionId {
    format!("r{reactor}-0.0").parse().expect("it is an id")
}

/// Runs both at once, each with the number of its reactor, and gives back what they say.
fn on_two_reactors<T: 'static>(run: impl Fn(usize) -> T + Clone + 'static) -> [T; 2] {
    let there = run.clone();
    let other = thread::spawn(move || there(1));
    let here = run(0);
    [here, other.join().expect("it does not fail")]
}

/// What `Handle::pass_on` checks.
fn has_subscribers_on(topics: &Topics, reactor: usize) -> bool {
    topics.find(TOPIC).is_some_and(|(_, topic)| topic.counts.of(reactor) > 0)
}

#[test]
fn of_two_reactors_that_subscribe_and_publish_one_sees_the_other() {
    let alone = Arc::new(AtomicUsize::new(0));
    let count = alone.clone();
    loom::model(move || {
        let directory = Arc::new(TopicIndex::new(2, Arc::default()));
        let heard = on_two_reactors(move |reactor| {
            let mut topics = Topics::default();
            topics.join(connection(reactor), TOPIC, &directory, Default::default);
            has_subscribers_on(&topics, 1 - reactor)
        });
        assert!(heard[0] || heard[1], "neither newcomer hears of the other");
        count.fetch_add(usize::from(heard != [true; 2]), Ordering::Relaxed);
    });
    assert!(alone.load(Ordering::Relaxed) > 0, "the orders in which one comes later are among them");
}

#[test]
fn a_leaving_member_does_not_remove_the_topic_of_a_joining_one() {
    loom::model(|| {
        let directory = Arc::new(TopicIndex::new(2, Arc::default()));
        let both = directory.clone();
        let [gone, stays] = on_two_reactors(move |reactor| {
            let mut topics = Topics::default();
            let subscription = topics.join(connection(reactor), TOPIC, &both, Default::default);
            if reactor == 0 {
                topics.leave(reactor, subscription, &both);
            }
            topics
        });
        assert!(gone.find(TOPIC).is_none());
        let (_, counts) = directory.find(TOPIC).expect("it has a subscriber");
        assert_eq!((counts.of(0), counts.of(1)), (0, 1));
        assert!(
            stays.find(TOPIC).is_some_and(|(_, topic)| Arc::ptr_eq(&topic.counts, &counts)),
            "there is one account"
        );
        assert_eq!(directory.count(TOPIC), 1);
    });
}

/// A subscriber that comes after all others of its reactor have left, and gets a message that was published before, misses
/// none that follows it.
#[test]
fn a_new_subscriber_misses_nothing_after_its_first_message() {
    let first = Arc::new(AtomicUsize::new(0));
    let count = first.clone();
    loom::model(move || {
        let index = Arc::new(TopicIndex::new(2, Arc::default()));
        let mut topics = Topics::default();
        let old = topics.join(connection(0), TOPIC, &index, Default::default);
        let publishers = index.clone();
        // What `Handle::pass_on` puts into the mailbox of the reactor.
        let publisher = thread::spawn(move || {
            [1, 2, 3].map(|_| publishers.find(TOPIC).and_then(|(_, counts)| counts.generation(0)))
        });
        topics.leave(0, old, &index);
        topics.join(connection(0), TOPIC, &index, Default::default);
        let mailbox = publisher.join().expect("it does not fail");
        let is_heard = |sent: Option<_>| sent.is_some_and(|sent| topics.place_of(TOPIC, 0, sent).is_some());
        let heard = mailbox.map(is_heard);
        assert!(heard.is_sorted(), "{heard:?}");
        count.fetch_add(usize::from(heard[0] != heard[2]), Ordering::Relaxed);
    });
    assert!(first.load(Ordering::Relaxed) > 0, "the orders in which it comes in between are among them");
}

/// Of a publisher and a subscriber that come at the same time: the publication is either before the subscriber, or the
/// subscriber's reactor is told of it.
#[test]
fn of_a_topic_with_a_history_no_publication_falls_between() {
    loom::model(|| {
        let (index, logs) = (Arc::new(TopicIndex::new(2, Arc::default())), TopicLogs::new());
        assert!(logs.declare(TOPIC, PositionSource::Own(1), History::new(10), 2));
        let log = logs.find(TOPIC).expect("it was declared");
        let (publishers, publishes) = (index.clone(), log.clone());
        let publisher = thread::spawn(move || {
            publishes.append(None, 1, ConnectionId::NONE, |_| ());
            publishers.find(TOPIC).is_some_and(|(_, counts)| counts.of(0) > 0)
        });
        let mut topics = Topics::default();
        topics.join(connection(0), TOPIC, &index, Default::default);
        let after = log.newcomer_position().expect("it is this server's alone").position.offset;
        let is_told = publisher.join().expect("it does not fail");
        assert!(after == 1 || is_told, "nobody gets it");
    });
}
