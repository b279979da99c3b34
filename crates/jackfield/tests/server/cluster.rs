//! Two servers with one broker: members on both get one order, each publication once, or are told.

use crate::support;
use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    Broker, BrokerEvent, ClusterMember, Event, Handle, History, Limits, Observer, Published, SharedTopic,
};
use jackfield_fuzz::hub::{Faults, Hub, Node, PRESENCE_TTL};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::reader::{Reader, Seen, Streamer, data};
use support::text;

struct Site {
    server: TestServer,
    node: Node,
}

/// What the observer was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn on_broker(&self, event: BrokerEvent<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Site {
    fn new(hub: &Hub, number: u64, history: History) -> Self {
        Self::with(hub, number, history, 1000, Told::default())
    }

    fn with(hub: &Hub, number: u64, history: History, queue_max: usize, told: Told) -> Self {
        let node = hub.node(number, queue_max);
        node.set_up(true);
        let options = TestOptions {
            broker: Some(Arc::new(node.clone())),
            observer: Arc::new(told),
            ..TestOptions::default()
        };
        let server = TestServer::with_options(options, |_peer| Streamer);
        assert!(server.handle().declare_topic("t", history));
        Self { server, node }
    }

    fn handle(&self) -> Handle {
        self.server.handle()
    }

    fn publish(&mut self, text: &str) -> Published {
        let published = self.handle().publish("t", text);
        self.server.run();
        published
    }

    fn read(&mut self, last: &str) -> Reader {
        Reader::connect(&mut self.server, "t", last)
    }
}

/// Everything arrives everywhere.
fn settle(sites: &mut [Site]) {
    for _ in 0..3 {
        for site in &mut *sites {
            site.node.pump(Faults::default());
            site.server.run();
        }
    }
}

fn two(history: History) -> (Hub, [Site; 2]) {
    let hub = Hub::default();
    let sites = [Site::new(&hub, 0xa, history), Site::new(&hub, 0xb, history)];
    (hub, sites)
}

/// The fault: as long as a handle was left, the observer heard of the broker after its last event.
#[test]
fn a_server_that_has_ended_hears_nothing_of_its_broker() {
    let (hub, told) = (Hub::default(), Told::default());
    let Site { server, node } = Site::with(&hub, 0xa, History::new(10), 1000, told.clone());
    let handle = server.handle();
    drop(server);
    told.0.lock().unwrap().clear();
    for is_up in [false, true] {
        node.set_up(is_up);
    }
    assert_eq!(handle.publish("t", "late").full, 1);
    assert_eq!(*told.0.lock().unwrap(), [""; 0]);
}

/// Each client that wanted to resume before the broker had answered left its ID in a list, also when it was gone.
#[test]
fn clients_that_leave_before_the_broker_answers_leave_nothing_behind() {
    let hub = Hub::default();
    let mut site = Site::new(&hub, 0xa, History::new(100));
    let last = "1-1";
    let _stays = site.read(last);
    let mut come_and_go = || (0..3000).for_each(|_| site.read(last).reset());
    come_and_go();
    let left = measure(come_and_go).bytes_current;
    assert!(left < 10_000, "{left} bytes");
}

#[test]
fn members_of_both_get_one_order_with_the_ids_of_one_history() {
    let (_hub, mut sites) = two(History::new(100));
    let mut readers = [sites[0].read(""), sites[1].read("")];
    settle(&mut sites);
    for number in 0..10 {
        assert_eq!(
            sites[number % 2].publish(&number.to_string()),
            Published::default(),
            "it comes by the broker"
        );
    }
    assert!(readers[0].take().is_empty());
    settle(&mut sites);
    let seen = readers.each_mut().map(Reader::take);
    assert_eq!(seen[0], seen[1]);
    let sent: BTreeSet<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(seen[0].iter().map(|seen| seen.data.clone()).collect::<BTreeSet<_>>(), sent);
    let ids: Vec<&str> = seen[0].iter().map(|seen| &*seen.id).collect();
    assert_eq!(ids, (1..=10).map(|offset| format!("e.{offset}")).collect::<Vec<_>>());
    // From each place of one on the other.
    for at in 0..10 {
        let mut reader = sites[1].read(&seen[0][at].id);
        settle(&mut sites);
        assert_eq!(reader.take(), seen[0][at + 1..]);
        reader.reset();
    }
}

/// Members over all servers, as each server sees them.
#[track_caller]
fn check_presence(sites: &[Site], expected: &[usize]) {
    let counts: Vec<usize> = sites.iter().map(|site| site.handle().cluster_subscribers("t")).collect();
    assert_eq!(counts, expected);
    for site in sites {
        let handle = site.handle();
        let members = handle.cluster_members("t");
        assert_eq!(members.len(), handle.cluster_subscribers("t"), "all of these few are named");
        let own = members.iter().take_while(|member| member.node == handle.node()).map(|member| member.id);
        assert_eq!(own.collect::<Vec<_>>(), handle.members("t"), "those of its own come first");
        assert!(members.len() == members.iter().collect::<BTreeSet<&ClusterMember>>().len());
    }
}

#[test]
fn k2_members_are_known_on_all_servers() {
    let (hub, mut sites) = two(History::new(100));
    check_presence(&sites, &[0, 0]);
    let first = sites[0].read("");
    let others = [sites[1].read(""), sites[1].read("")];
    settle(&mut sites);
    check_presence(&sites, &[3, 3]);
    assert_eq!(
        [0, 1].map(|site: usize| sites[site].handle().subscribers("t")),
        [1, 2],
        "that is each one's own"
    );
    assert_eq!(sites[0].handle().cluster_members("t")[1..], sites[1].handle().cluster_members("t")[..2]);
    // A topic that is not declared is each server's own.
    let _undeclared = Reader::connect(&mut sites[0].server, "other", "");
    settle(&mut sites);
    assert_eq!([0, 1].map(|site: usize| sites[site].handle().cluster_subscribers("other")), [1, 0]);
    first.reset();
    settle(&mut sites);
    check_presence(&sites, &[2, 2]);
    // The hub forgets everything, and is told again.
    hub.forget();
    sites[0].node.pump(Faults::default());
    check_presence(&sites, &[0, 2]);
    settle(&mut sites);
    check_presence(&sites, &[2, 2]);
    others.into_iter().for_each(Reader::reset);
    settle(&mut sites);
    check_presence(&sites, &[0, 0]);
}

/// A server that is killed or cut off can't sign off: its members are removed when the time to live has passed.
#[test]
fn k2_members_of_a_server_that_is_killed_are_forgotten() {
    let (hub, mut sites) = two(History::new(100));
    let _readers = [sites[0].read(""), sites[1].read("")];
    settle(&mut sites);
    check_presence(&sites, &[2, 2]);
    sites[1].node.set_up(false);
    settle(&mut sites);
    check_presence(&sites, &[2, 2]);
    hub.pass(PRESENCE_TTL);
    settle(&mut sites);
    check_presence(&sites, &[1, 1]);
    sites[1].node.set_up(true);
    settle(&mut sites);
    check_presence(&sites, &[2, 2]);
    // One that ends in good order says so.
    let [one, other] = sites;
    drop(other);
    one.node.pump(Faults::default());
    check_presence(&[one], &[1]);
}

/// A client that moves to a server that has not got all yet that the client has.
#[test]
fn k2_a_reader_that_moves_before_its_events_arrive_misses_nothing() {
    let (_hub, mut sites) = two(History::new(100));
    let mut reader = sites[0].read("");
    let mut other = sites[1].read("");
    settle(&mut sites);
    for number in 0..3 {
        sites[0].publish(&number.to_string());
    }
    // The second server is not handed anything yet.
    sites[0].node.pump(Faults::default());
    sites[0].server.run();
    let seen = reader.take();
    assert_eq!(data(&seen), ["0", "1", "2"]);
    let mut back = sites[1].read(&seen[2].id);
    let mut between = sites[1].read(&seen[0].id);
    // One that gives an id that no server has is told so, as soon as that is known.
    let mut future = sites[1].read("e.1000");
    assert!([&mut back, &mut between, &mut future].into_iter().all(|reader| reader.take().is_empty()));
    settle(&mut sites);
    sites[0].publish("3");
    settle(&mut sites);
    assert_eq!(data(&back.take()), ["3"]);
    assert_eq!(data(&between.take()), ["1", "2", "3"]);
    assert_eq!(data(&other.take()), ["0", "1", "2", "3"]);
    assert_eq!(data(&future.take()), ["{\"missed\":null}", "3"]);
    // The same while the second server is cut off: it can't know, and says so.
    sites[1].node.set_up(false);
    let mut back = sites[1].read("e.1000");
    assert_eq!(data(&back.take()), ["{\"missed\":null}"]);
}

/// The only member of a server comes back while that is cut off: it is known all the time what there was.
#[test]
fn the_only_reader_of_a_server_that_is_cut_off_misses_nothing() {
    let (_hub, mut sites) = two(History::new(100));
    let mut reader = sites[1].read("");
    settle(&mut sites);
    sites[1].publish("first");
    settle(&mut sites);
    let last = reader.take()[0].id.clone();
    // It has missed something, and is no member before it has got that.
    reader.reset();
    let mut back = sites[1].read(&last);
    sites[1].node.pump(Faults::default());
    sites[1].server.run();
    sites[1].node.set_up(false);
    sites[1].server.run();
    assert!(back.take().is_empty());
    let mut again = sites[1].read(&last);
    back.reset();
    sites[1].publish("second");
    assert_eq!(data(&again.take()), ["second"]);
}

/// Who joins a server that is cut off, whose own publications have all come back: it is not ahead of them.
#[test]
fn no_position_is_ahead_of_what_the_broker_returned() {
    let (_hub, mut sites) = two(History::new(100));
    let [mut stays, leaves] = [0, 1].map(|site| sites[site].read(""));
    settle(&mut sites);
    sites[1].publish("first");
    settle(&mut sites);
    leaves.reset();
    sites[1].server.run();
    sites[1].node.set_up(false);
    let mut told = sites[1].read("an id of nothing");
    let seen = told.take();
    assert_eq!((data(&seen), &*seen[0].id), (vec!["{\"missed\":null}"], "e.1"));
    // An id of before, when it said more, names the same place on a server that has got it all.
    let mut moved = sites[0].read("e.1.b.1");
    sites[1].node.set_up(true);
    sites[0].publish("second");
    settle(&mut sites);
    assert_eq!(data(&moved.take()), ["second"]);
    assert_eq!(data(&told.take()), ["second"]);
    assert_eq!(data(&stays.take()), ["first", "second"]);
}

/// One that is cut off: its own members get what it publishes at once; then all catch up.
#[test]
fn a_server_that_is_cut_off_serves_its_own_members_and_catches_up() {
    let (_hub, mut sites) = two(History::new(100));
    let mut readers = [sites[0].read(""), sites[1].read("")];
    settle(&mut sites);
    sites[0].publish("before");
    settle(&mut sites);
    // On its way when the cable goes.
    sites[0].publish("on its way");
    sites[0].node.set_up(false);
    sites[0].server.run();
    sites[0].publish("alone");
    sites[1].publish("there");
    settle(&mut sites);
    let seen = readers.each_mut().map(Reader::take);
    assert_eq!(data(&seen[0]), ["before", "on its way", "alone"]);
    assert_eq!(data(&seen[1]), ["before", "there"]);
    let ids: Vec<&str> = seen[0].iter().map(|seen| &*seen.id).collect();
    assert_eq!(ids, ["e.1", "e.1.a.2", "e.1.a.3"], "ahead of their positions");
    // One that comes back in between to the one that is cut off misses nothing, and gets nothing twice.
    let mut back = sites[0].read(ids[1]);
    assert_eq!(data(&back.take()), ["alone"]);
    sites[0].node.set_up(true);
    settle(&mut sites);
    let seen = readers.each_mut().map(Reader::take);
    assert_eq!(data(&seen[0]), ["there"]);
    assert_eq!(data(&seen[1]), ["on its way", "alone"]);
    assert_eq!(data(&back.take()), ["there"]);
    // With an id from that time, on both.
    for site in 0..2 {
        for (id, rest) in [
            (ids[2], &["there"][..]),
            (ids[1], &["there", "alone"]),
            (ids[0], &["there", "on its way", "alone"]),
        ] {
            let mut back = sites[site].read(id);
            settle(&mut sites);
            assert_eq!(data(&back.take()), rest, "{id}");
            back.reset();
        }
    }
}

#[test]
fn a_reader_away_longer_than_the_history_gets_one_resync() {
    let (_hub, mut sites) = two(History::new(10));
    let mut reader = sites[0].read("");
    settle(&mut sites);
    sites[0].publish("first");
    settle(&mut sites);
    assert_eq!(data(&reader.take()), ["first"]);
    sites[0].node.set_up(false);
    for number in 0..50 {
        sites[1].publish(&number.to_string());
        sites[1].node.pump(Faults::default());
    }
    sites[0].node.set_up(true);
    settle(&mut sites);
    let seen = reader.take();
    assert_eq!((&*seen[0].name, &*seen[0].data, &*seen[0].id), ("resync", "{\"missed\":40}", "e.41"));
    assert_eq!(data(&seen[1..]), (40..50).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// What comes from the broker was as old as the last look of a reactor at the history, whichever thread had published it.
#[test]
fn the_age_of_a_message_from_the_broker_begins_when_it_comes() {
    let (_hub, mut sites) = two(History::new(100).max_age(Duration::from_secs(60)));
    let mut readers = [sites[0].read(""), sites[1].read("")];
    settle(&mut sites);
    for text in ["1", "2"] {
        sites.iter_mut().for_each(|site| site.server.advance(Duration::from_secs(120)));
        sites[0].publish(text);
        settle(&mut sites);
        for reader in &mut readers {
            assert_eq!(data(&reader.take()), [text]);
        }
    }
}

#[test]
fn a_broker_that_has_lost_everything_is_reported_once() {
    let (hub, mut sites) = two(History::new(10));
    let mut reader = sites[0].read("");
    settle(&mut sites);
    sites[0].publish("old");
    settle(&mut sites);
    let old = reader.take();
    sites[0].node.set_up(false);
    sites[0].publish("between");
    hub.forget();
    sites[0].node.set_up(true);
    settle(&mut sites);
    sites[1].publish("new");
    settle(&mut sites);
    let seen = reader.take();
    let shown: Vec<_> = seen.iter().map(|seen| (&*seen.name, &*seen.data, &*seen.id)).collect();
    assert_eq!(
        shown,
        [
            ("message", "between", "e.1.a.2"),
            ("resync", "{\"missed\":null}", "f.0.a.2"),
            ("message", "new", "f.2"),
        ]
    );
    let mut back = sites[1].read(&old[0].id);
    settle(&mut sites);
    assert_eq!(data(&back.take()), ["{\"missed\":null}"]);
}

#[test]
fn messages_that_the_broker_lost_are_reported() {
    let (_hub, mut sites) = two(History::new(100));
    let mut reader = sites[0].read("");
    settle(&mut sites);
    for number in 0..3 {
        sites[1].publish(&number.to_string());
    }
    sites[1].node.pump(Faults::default());
    sites[0].node.pump(Faults { loses: true, ..Faults::default() });
    sites[0].server.run();
    assert_eq!(data(&reader.take()), ["{\"missed\":1}", "1", "2"]);
}

/// The fault: they were passed over, and nobody was told.
#[test]
fn messages_that_cant_be_read_count_as_lost() {
    let history = History::new(100);
    let (hub, mut sites) = two(history);
    let mut readers = [sites[0].read(""), sites[1].read("")];
    settle(&mut sites);
    sites[0].publish("before");
    settle(&mut sites);
    readers.iter_mut().for_each(|reader| assert_eq!(data(&reader.take()), ["before"]));
    let other = hub.node(0xc, 10);
    other.set_up(true);
    // Its node, its number there, and a packet that begins with another version.
    let newer = |number: u64| [&0xc_u64.to_be_bytes()[..], &number.to_be_bytes(), &[2, 0, 0]].concat();
    for message in [newer(1), newer(2), vec![7], vec![7]] {
        other.publish(&SharedTopic::new("t", history), message).unwrap();
    }
    other.pump(Faults::default());
    settle(&mut sites);
    sites[1].publish("after");
    settle(&mut sites);
    for reader in &mut readers {
        assert_eq!(data(&reader.take()), ["{\"missed\":4}", "after"]);
    }
}

/// It was told that nothing was missed, with an id that names no place: while it changed from a reader of the past to a
/// member the topic was not read, and nobody knew where its end was.
#[test]
fn the_only_reader_that_returns_too_late_gets_the_number_of_missed_messages() {
    let (_hub, mut sites) = two(History::new(3));
    for number in 0..10 {
        sites[1].publish(&number.to_string());
    }
    settle(&mut sites);
    let mut back = sites[0].read("e.0");
    settle(&mut sites);
    let seen = back.take();
    let shown: Vec<_> = seen.iter().map(|seen| (&*seen.name, &*seen.data, &*seen.id)).collect();
    assert_eq!(shown, [("resync", "{\"missed\":10}", "e.10")]);
    sites[1].publish("next");
    settle(&mut sites);
    assert_eq!(data(&back.take()), ["next"]);
    // One that misses nothing is not cut off from what it is waiting for either.
    let last = back.last().to_owned();
    back.reset();
    sites[0].server.run();
    let mut back = sites[0].read(&last);
    settle(&mut sites);
    sites[0].publish("own");
    sites[0].node.set_up(false);
    sites[0].server.run();
    assert_eq!(data(&back.take()), ["own"]);
}

/// The simulation with seed 3471: what members have got ahead of its position was not counted.
#[test]
fn messages_ahead_of_the_position_count_as_missed() {
    let (_hub, mut sites) = two(History::new(3));
    let mut stays = sites[0].read("");
    settle(&mut sites);
    for number in 0..10 {
        sites[1].publish(&number.to_string());
    }
    settle(&mut sites);
    stays.take();
    sites[0].node.set_up(false);
    ["ahead", "too"].iter().for_each(|text| assert_eq!(sites[0].publish(text).full, 0));
    assert_eq!(data(&stays.take()), ["ahead", "too"]);
    let mut late = sites[0].read("e.0");
    assert_eq!(data(&late.take()), ["{\"missed\":12}"]);
    sites[0].publish("next");
    sites[0].node.set_up(true);
    settle(&mut sites);
    assert_eq!(data(&late.take()), ["next"]);
}

/// A message that can't be kept is not published: the publisher, the observer and the metrics are told.
#[test]
fn the_queue_of_a_server_that_is_cut_off_has_a_bound() {
    let (hub, told) = (Hub::default(), Told::default());
    let mut site = Site::with(&hub, 0xa, History::new(10), 3, told.clone());
    let mut reader = site.read("");
    settle(std::slice::from_mut(&mut site));
    site.node.set_up(false);
    site.server.run();
    assert_eq!(site.handle().metrics().broker_down, 1);
    let full: Vec<usize> = (0..5).map(|number| site.publish(&number.to_string()).full).collect();
    assert_eq!(full, [0, 0, 0, 1, 1]);
    assert_eq!(data(&reader.take()), ["0", "1", "2", "3", "4"], "members here get it all the same");
    assert_eq!(site.handle().metrics().broker_refused, 2);
    site.node.set_up(true);
    settle(std::slice::from_mut(&mut site));
    assert!(reader.take().is_empty());
    let mut back = site.read("e.0");
    settle(std::slice::from_mut(&mut site));
    assert_eq!(data(&back.take()), ["0", "1", "2"], "the others were never kept");
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told, ["Up", "Down { why: \"the cable is out\" }", "Refused", "Up"]);
}

/// The fault: it came without an ID of the history, with that of its publisher, or to a WebSocket as what it is not: JSON of the
/// history that anybody could write.
#[test]
fn i453_what_the_broker_has_no_room_for_has_an_id_of_the_history_too() {
    let hub = Hub::default();
    let mut site = Site::with(&hub, 0xa, History::new(10), 1, Told::default());
    let mut reader = site.read("");
    settle(std::slice::from_mut(&mut site));
    site.node.set_up(false);
    site.server.run();
    assert_eq!([site.publish("0").full, site.publish("1").full], [0, 1]);
    site.handle().publish("t", Event::data("2").id("of its publisher"));
    site.server.run();
    let seen = reader.take();
    assert_eq!(data(&seen), ["0", "1", "2"]);
    assert!(seen.iter().all(|one| one.id == seen[0].id), "{seen:?}");
}

/// It may come before what the members have not got yet: its ID must not be later.
#[test]
fn i453_what_the_broker_has_no_room_for_has_the_id_of_what_its_members_have_got() {
    let hub = Hub::default();
    let mut site = Site::with(&hub, 0xa, History::new(10_000), 2000, Told::default());
    let mut reader = site.read("");
    settle(std::slice::from_mut(&mut site));
    site.node.set_up(false);
    site.server.run();
    let full: usize = (0..2001).map(|number| site.handle().publish("t", number.to_string()).full).sum();
    assert_eq!(full, 1);
    site.server.run();
    let seen = reader.take();
    let at = seen.iter().position(|seen| seen.data == "2000").expect("members here get it");
    assert!((1..2000).contains(&at), "in between: {at}");
    assert_eq!((seen.len(), &seen[at].id), (2001, &seen[at - 1].id));
}

/// Whatever the queue of the broker allows: each of them is kept here until it comes back.
#[test]
fn at_most_16384_publications_of_a_topic_are_on_their_way() {
    const MOST: usize = 16_384;
    let hub = Hub::default();
    let mut site = Site::with(&hub, 0xa, History::new(2 * MOST), 2 * MOST, Told::default());
    assert!(site.handle().declare_topic("other", History::new(10)));
    let mut reader = site.read("");
    settle(std::slice::from_mut(&mut site));
    let handle = site.handle();
    let full: usize = (0..MOST).map(|number| handle.publish("t", number.to_string()).full).sum();
    assert_eq!((full, handle.publish("t", "one more").full), (0, 1));
    assert_eq!(handle.publish("other", "of another").full, 0, "each topic has its own bound");
    assert_eq!(handle.metrics().broker_refused, 1);
    settle(std::slice::from_mut(&mut site));
    let seen = reader.take();
    assert!(data(&seen).iter().map(|data| data.parse::<usize>().unwrap()).eq(0..MOST));
    assert_eq!(handle.publish("t", "next").full, 0, "there is room again");
    settle(std::slice::from_mut(&mut site));
    assert_eq!(data(&reader.take()), ["next"]);
}

/// A topic without members is not read, and read on when they come back.
#[test]
fn only_topics_with_members_are_read() {
    let (_hub, mut sites) = two(History::new(100));
    sites[1].publish("0");
    settle(&mut sites);
    let mut reader = sites[0].read("");
    sites[1].publish("1");
    sites[1].node.pump(Faults::default());
    settle(&mut sites);
    assert_eq!(data(&reader.take()), [""; 0], "all that is there already when the broker answers is old");
    sites[1].publish("2");
    settle(&mut sites);
    assert_eq!(data(&reader.take()), ["2"]);
    let last = reader.last().to_owned();
    reader.reset();
    sites[0].server.run();
    sites[1].publish("3");
    settle(&mut sites);
    let mut back = sites[0].read(&last);
    settle(&mut sites);
    assert_eq!(data(&back.take()), ["3"]);
}

/// The model: a reader of 1,000 events is cut off at each byte of them, and comes back to one server or the other, which
/// are restarted now and then. What it gets is what comes behind the last event that it has whole, to the byte.
#[test]
fn n1_a_reader_cut_off_at_every_byte_misses_nothing_on_two_servers_that_restart() {
    const EVENTS: usize = 1000;
    const RESTART_EVERY: usize = 499;
    let hub = Hub::default();
    let history = History::new(EVENTS);
    let mut sites = [Narrow::new(&hub, 0, history), Narrow::new(&hub, 1, history)];
    let mut whole = Vec::new();
    let (mut published, mut at, mut end, mut last) = (0, 0, 0, "e.0".to_owned());
    loop {
        // It is never far behind: some of what it gets was missed, the rest comes while it is there.
        while published < EVENTS && whole.len() < at + 60 {
            sites[published % 2].site.handle().publish("t", published.to_string());
            published += 1;
            settle_narrow(&mut sites);
            whole.extend(sites[0].stays.take());
            assert!(whole.ends_with(&sites[1].stays.take()), "both servers say the same");
        }
        if at >= whole.len() {
            break;
        }
        if at % RESTART_EVERY == RESTART_EVERY - 1 {
            sites[at / RESTART_EVERY % 2].restart(&hub, history);
            settle_narrow(&mut sites);
            sites.iter_mut().for_each(|site| drop(site.stays.take()));
        }
        let mut back = sites[at % 2].read(&last);
        let came = back.take();
        let rest = &whole[end..];
        assert!(came.len() >= rest.len().min(50) && rest.starts_with(&came), "{at} {last}: {}", text(&came));
        back.far.reset();
        sites[at % 2].site.server.run();
        at += 1;
        // The event that ends here is whole now.
        if whole[..at].ends_with(b"\n\n") {
            let event = text(&whole[end..at]);
            last = event.split("id:").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
            end = at;
        }
    }
    let got = text(&whole);
    let numbers = got
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|number| number.trim().parse().unwrap());
    assert_eq!(numbers.collect::<Vec<usize>>(), (0..EVENTS).collect::<Vec<_>>());
    assert!(at > 15 * EVENTS, "each byte of all events: {at}");
}

/// A server whose backlogs are short, with a reader who stays.
struct Narrow {
    site: Site,
    number: u64,
    stays: Bytes,
}

/// The bytes of an event stream, without its head.
struct Bytes {
    far: FarEnd,
    has_head: bool,
}

impl Narrow {
    fn new(hub: &Hub, number: u64, history: History) -> Self {
        let node = hub.node(number + 0xa, 1000);
        node.set_up(true);
        let limits = Limits::default().with(|limits| {
            (limits.reactor.outbox_bytes_high, limits.reactor.outbox_bytes_low) = (300, 100);
        });
        let options = TestOptions { broker: Some(Arc::new(node.clone())), limits, ..TestOptions::default() };
        let server = TestServer::with_options(options, |_peer| Streamer);
        assert!(server.handle().declare_topic("t", history));
        let mut site = Site { server, node };
        let stays = Bytes::connect(&mut site.server, "");
        site.server.run();
        let mut narrow = Self { site, number, stays };
        settle_narrow(std::slice::from_mut(&mut narrow));
        // It has got an id, and no event yet.
        narrow.stays.take();
        narrow
    }

    /// It forgets all but its place at the hub.
    fn restart(&mut self, hub: &Hub, history: History) {
        // It is another server for the broker than it was before.
        *self = Self::new(hub, self.number + 2, history);
    }

    fn read(&mut self, last: &str) -> Bytes {
        Bytes::connect(&mut self.site.server, last)
    }
}

impl Bytes {
    fn connect(server: &mut TestServer, last: &str) -> Self {
        let far = server.connect();
        let request = format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n");
        far.send(request.as_bytes());
        server.run();
        Self { far, has_head: false }
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = self.far.take();
        if !self.has_head {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
            bytes.drain(..end + 4);
            self.has_head = true;
        }
        bytes
    }
}

fn settle_narrow(sites: &mut [Narrow]) {
    for _ in 0..2 {
        for Narrow { site, .. } in &mut *sites {
            site.node.pump(Faults::default());
            site.server.run();
        }
    }
}

/// The fault: what was published after a member had come, and before the broker could be known to be away, was taken for something
/// that the member had got.
#[test]
fn i330_what_is_published_before_the_broker_is_known_to_be_away_comes() {
    let (_hub, mut sites) = two(History::new(100));
    let mut witness = sites[1].read("");
    let reader = sites[0].read("");
    settle(&mut sites);
    sites[0].publish("before");
    settle(&mut sites);
    reader.reset();
    sites[0].server.run();
    sites[0].publish("to nobody here");
    // The broker does not answer, and counts as up.
    let mut member = sites[0].read("");
    sites[0].publish("waits");
    assert_eq!(data(&member.take()), [""; 0]);
    sites[0].node.set_up(false);
    sites[0].server.run();
    sites[0].publish("ahead");
    assert_eq!(data(&member.take()), ["waits", "ahead"]);
    sites[0].node.set_up(true);
    settle(&mut sites);
    assert_eq!(data(&member.take()), [""; 0], "each comes once");
    assert_eq!(data(&witness.take()), ["before", "to nobody here", "waits", "ahead"]);
}

/// The fault: the first stream of a topic on a server had no id before its first message, because the broker had not answered yet.
#[test]
fn i334_with_a_broker_a_stream_that_has_got_nothing_yet_resumes_too() {
    let (_hub, mut sites) = two(History::new(100).numbered());
    sites[1].publish("before");
    settle(&mut sites);
    for is_first in [true, false] {
        let mut reader = sites[0].read("");
        settle(&mut sites);
        assert_eq!(data(&reader.take()), [""; 0], "an id is no event");
        let last = reader.last().to_owned();
        assert_eq!(last, if is_first { "e.1" } else { "e.2" });
        reader.reset();
        sites[0].server.run();
        sites[1].publish("missed");
        settle(&mut sites);
        let mut back = sites[0].read(&last);
        settle(&mut sites);
        assert_eq!(data(&back.take()), ["missed"]);
        if is_first {
            back.reset();
            sites[0].server.run();
        }
    }
}

/// What may happen, by the number of a site or a reader.
#[derive(Clone, Debug)]
enum Act {
    Publish(usize),
    Pump(usize, Option<usize>, bool),
    Cable(usize),
    Cut(usize),
    Move,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..2_usize).prop_map(Act::Publish),
        4 => (0..2_usize, prop::option::of(0..4_usize), any::<bool>())
            .prop_map(|(site, most, doubles)| Act::Pump(site, most, doubles)),
        1 => (0..2_usize).prop_map(Act::Cable),
        2 => (0..3_usize).prop_map(Act::Cut),
        1 => Just(Act::Move),
    ]
}

/// A reader that keeps what it got over all of its connections.
struct Guest {
    site: usize,
    reader: Reader,
    seen: Vec<Seen>,
}

impl Guest {
    fn come_back(&mut self, sites: &mut [Site]) {
        self.seen.extend(self.reader.take());
        let last = self.seen.last().map_or("", |seen| &seen.id).to_owned();
        let new = sites[self.site].read(&last);
        std::mem::replace(&mut self.reader, new).reset();
        sites.iter_mut().for_each(|site| site.server.run());
    }

    /// Everything once; what one site published in its order; and nothing is missing. From a resync on, which only one
    /// that moves may get: it is told to begin anew.
    fn check(&mut self, sent: usize, may_resync: bool) {
        self.seen.extend(self.reader.take());
        let resync = self.seen.iter().rposition(|seen| seen.name == "resync");
        assert!(resync.is_none() || may_resync, "{:?}", self.seen);
        let from = resync.map_or(0, |at| at + 1);
        let mut last: BTreeMap<char, usize> = BTreeMap::new();
        for seen in &self.seen[from..] {
            let number: usize = seen.data[1..].parse().unwrap();
            let site = seen.data.chars().next().unwrap();
            let before = last.insert(site, number);
            assert!(before.is_none_or(|before| before < number), "{} in {:?}", seen.data, self.seen);
        }
        if resync.is_none() {
            assert_eq!(self.seen.len(), sent, "{:?}", self.seen);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The model: publications of both, cables out and in, deliveries in parts and twice, readers that are cut off and
    /// come back to the same or to the other. What they got altogether is what was sent, once each.
    #[test]
    fn whatever_happens_all_get_everything_once(acts in prop::collection::vec(act(), 1..120)) {
        let (_hub, mut sites) = two(History::new(1000));
        // One reader on each, who stays with it, and one who moves.
        let mut guests: Vec<Guest> = [0, 1, 0]
            .map(|site| Guest { site, reader: sites[site].read(""), seen: Vec::new() })
            .into();
        settle(&mut sites);
        // All have an id to come back with.
        sites[0].publish("a0");
        settle(&mut sites);
        guests.iter_mut().for_each(|guest| guest.seen.extend(guest.reader.take()));
        let (mut sent, mut is_up, mut numbers) = (1, [true; 2], [1, 0]);
        for act in acts {
            match act {
                Act::Publish(site) => {
                    sites[site].publish(&format!("{}{}", ["a", "b"][site], numbers[site]));
                    numbers[site] += 1;
                    sent += 1;
                }
                Act::Pump(site, hand_in_max, doubles) => {
                    sites[site].node.pump(Faults { hand_in_max, doubles, loses: false });
                    sites[site].server.run();
                }
                Act::Cable(site) => {
                    is_up[site] = !is_up[site];
                    sites[site].node.set_up(is_up[site]);
                    sites[site].server.run();
                }
                Act::Cut(guest) => guests[guest].come_back(&mut sites),
                Act::Move => {
                    guests[2].site = 1 - guests[2].site;
                    guests[2].come_back(&mut sites);
                }
            }
        }
        sites.iter().for_each(|site| site.node.set_up(true));
        settle(&mut sites);
        settle(&mut sites);
        for (number, guest) in guests.iter_mut().enumerate() {
            guest.check(sent, number == 2);
        }
    }
}
