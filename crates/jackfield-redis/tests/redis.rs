//! Servers with a real Redis, which is killed, emptied, slowed down and filled up.
#![cfg(unix)]

mod support;

use jackfield::History;
use jackfield_redis::Redis;
use std::time::Duration;
use support::reader::{Reader, Seen, data};
use support::{Cable, Endless, Instance, Site, Socket, wait};

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn k2_members_of_both_servers_get_one_order_and_resume_on_any() {
    check_one_order("");
}

/// The fault: the answers of RESP3 were taken for no answers, so that nothing came, and it was asked again without a pause.
#[test]
fn k2_an_address_with_another_protocol_changes_nothing() {
    check_one_order("?protocol=resp3");
}

#[track_caller]
fn check_one_order(options: &str) {
    let Some(redis) = Instance::start() else { return };
    let address = redis.address() + options;
    let mut sites = [(); 2].map(|()| Site::live_at(&address, History::new(1000)));
    let mut readers = [sites[0].read_from("a"), sites[1].read_from("b")];
    // The first has heard of the second's beginnings.
    for number in 0..200 {
        sites[number % 2].publish(&number.to_string());
    }
    sites[0].publish("end of the first");
    sites[1].publish("end of the second");
    let ends = ["end of the first", "end of the second"];
    let mut all: Vec<Vec<Seen>> = Vec::new();
    for (site, reader) in sites.iter_mut().zip(&mut readers) {
        let mut seen = Vec::new();
        wait(|| {
            seen.extend(site.take(reader));
            ends.iter().all(|end| data(&seen).contains(end))
        });
        let from = seen.iter().position(|seen| seen.data == "0" || seen.data == "1").unwrap();
        all.push(seen.split_off(from));
    }
    let same = all[0].len().min(all[1].len());
    assert!(same >= 202, "{} and {}", all[0].len(), all[1].len());
    assert_eq!(all[0][all[0].len() - same..], all[1][all[1].len() - same..]);
    // The id of an entry is the one by which a client resumes, on the other server too.
    let (at, rest) = (&all[0][100], &all[0][101..]);
    let (epoch, offset) = at.id.split_once('.').unwrap();
    let id = format!("{}-{offset}", u64::from_str_radix(epoch, 16).unwrap());
    let redis::Value::Array(found) = redis.ask(&["XRANGE", "jackfield:topic:t", &id, &id]) else { panic!() };
    assert_eq!(found.len(), 1);
    let mut back = sites[1].read(&at.id);
    let last = rest.last().unwrap().data.clone();
    assert_eq!(sites[1].take_until(&mut back, &last), *rest);
}

/// A reader that moves between two servers at each event misses nothing.
#[test]
fn k2_an_event_stream_that_moves_at_every_event_misses_nothing() {
    const EVENTS: u32 = 100;
    let Some(redis) = Instance::start() else { return };
    let mut sites = [(); 2].map(|()| Site::live(&redis, History::new(1000)));
    let mut reader = sites[0].read_from("begin");
    let mut last = reader.last().to_owned();
    let mut got = Vec::new();
    for number in 0..EVENTS {
        let (site, other) = ((number % 2) as usize, (number as usize + 1) % 2);
        sites[other].publish(&number.to_string());
        let seen = sites[site].take_until(&mut reader, &number.to_string());
        got.extend(data(&seen).into_iter().map(str::to_owned));
        last = seen.last().unwrap().id.clone();
        std::mem::replace(&mut reader, sites[other].read(&last)).reset();
        sites[site].server.run();
    }
    assert_eq!(got, numbers(0..EVENTS), "{last}");
}

/// So does a WebSocket, by the ids that its messages have.
#[test]
fn k2_a_websocket_that_moves_at_every_message_misses_nothing() {
    const EVENTS: u32 = 100;
    let Some(redis) = Instance::start() else { return };
    let mut sites = [(); 2].map(|()| Site::live(&redis, History::new(1000).numbered()));
    let mut witness = sites[0].read_from("begin");
    let mut last = witness.last().to_owned();
    let mut got = Vec::new();
    for number in 0..EVENTS {
        let (site, other) = ((number % 2) as usize, (number as usize + 1) % 2);
        sites[other].publish(&number.to_string());
        let mut socket = Socket::connect(&mut sites[site], &last);
        let mut seen = Vec::new();
        wait(|| {
            sites[other].server.run();
            seen.extend(socket.take(&mut sites[site]));
            !seen.is_empty()
        });
        last = seen.last().unwrap().id.clone();
        got.extend(data(&seen).into_iter().map(str::to_owned));
        socket.reset();
        sites[site].server.run();
    }
    let seen = sites[0].take_until(&mut witness, &(EVENTS - 1).to_string());
    assert_eq!(got, numbers(0..EVENTS));
    assert_eq!(data(&seen), got);
}

/// While something is wrong, neither thread tries without a pause: by Redis's clock there are never more attempts, or commands, than
/// the pauses allow.
#[test]
fn k2_no_thread_spins_after_any_error() {
    const TIME_MS: u64 = 3000;
    const PER_SECOND: u64 = 20;
    let check = |what: &str, event: &str, begin: fn(&Instance, &Cable), end: fn(&Instance, &Cable)| {
        let Some(redis) = Instance::start() else { return };
        let cable = Cable::to(&redis);
        let mut site = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(100));
        let mut reader = site.read_from("begin");
        begin(&redis, &cable);
        site.publish("refused");
        wait(|| site.told.has(event));
        // What was done when, and what the test itself adds: two commands and what a connection needs for itself.
        let ((start, before), attempts) = (redis.clock_and_commands(), cable.attempts());
        let mut looks = 0;
        let (elapsed, commands) = loop {
            std::thread::sleep(Duration::from_millis(50));
            site.publish("more");
            looks += 1;
            let (now, after) = redis.clock_and_commands();
            if now >= start + TIME_MS {
                break (now - start, after - before);
            }
        };
        let allowed = PER_SECOND * (elapsed / 1000 + 2);
        let attempts = cable.attempts() - attempts;
        assert!(attempts <= allowed, "{what}: {attempts} connections in {elapsed} ms");
        let own = looks * 8;
        assert!(
            commands <= allowed + own,
            "{what}: {commands} commands in {elapsed} ms, {own} of them the test's"
        );
        end(&redis, &cable);
        site.publish("end");
        site.take_until(&mut reader, "end");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let limit = |redis: &Instance, _: &Cable| drop(redis.ask(&["CONFIG", "SET", "maxmemory", "1"]));
            let free = |redis: &Instance, _: &Cable| drop(redis.ask(&["CONFIG", "SET", "maxmemory", "0"]));
            check("no memory", "TopicDown", limit, free);
        });
        scope.spawn(|| {
            const KEY: &str = "jackfield:topic:t";
            let replace = |redis: &Instance, _: &Cable| drop(redis.ask(&["SET", KEY, "another type"]));
            check("another type", "TopicDown", replace, |redis, _| drop(redis.ask(&["DEL", KEY])));
        });
        scope.spawn(|| check("no Redis", "Down", |_, cable| cable.pull(), |_, cable| cable.put_in()));
    });
}

/// What all have got that were there all the time: everything once, what one server published in its order.
#[track_caller]
fn check_all(seen: &[Seen], sent: &[Vec<String>; 2]) {
    assert!(seen.iter().all(|seen| seen.name == "message"), "{seen:?}");
    for (site, sent) in ["a", "b"].iter().zip(sent) {
        let of_site: Vec<&str> = data(seen).into_iter().filter(|data| data.starts_with(site)).collect();
        assert_eq!(of_site, *sent);
    }
}

#[test]
fn k2_a_redis_that_is_killed_in_the_middle_loses_and_doubles_nothing() {
    const ROUNDS: u32 = 5;
    const EACH: u32 = 200;
    let Some(mut redis) = Instance::start() else { return };
    let mut sites = [(); 2].map(|()| Site::live(&redis, History::new(10_000)));
    let mut readers = [sites[0].read_from("begin"), sites[1].read_from("begin")];
    let mut sent: [Vec<String>; 2] = Default::default();
    let mut seen: [Vec<Seen>; 2] = Default::default();
    for round in 0..ROUNDS {
        for number in 0..EACH {
            for (site, name) in ["a", "b"].iter().enumerate() {
                let message = format!("{name}{}", round * EACH + number);
                assert_eq!(sites[site].publish(&message).full, 0);
                sent[site].push(message);
            }
            if number == EACH / 2 {
                redis.kill();
            }
        }
        // While it is gone each server's members get what is published there.
        for site in 0..2 {
            let last = sent[site].last().unwrap().clone();
            wait(|| {
                seen[site].extend(sites[site].take(&mut readers[site]));
                seen[site].iter().any(|seen| seen.data == last)
            });
        }
        redis.begin();
    }
    for site in 0..2 {
        sent[site].push(format!("{}end", ["a", "b"][site]));
        sites[site].publish(sent[site].last().unwrap());
    }
    for (site, (seen, reader)) in sites.iter_mut().zip(seen.iter_mut().zip(&mut readers)) {
        wait(|| {
            seen.extend(site.take(reader));
            ["aend", "bend"].iter().all(|end| data(seen).contains(end))
        });
        seen.retain(|seen| seen.data != "begin" && seen.data != "ready");
        check_all(seen, &sent);
        assert!(site.told.has("Down") && site.told.count("Up") > 1, "{:?}", site.told.all());
    }
    // A new reader gets the same from the history.
    let first = seen[0][0].id.clone();
    let mut late = sites[1].read(&first);
    let mut again = Vec::new();
    wait(|| {
        again.extend(sites[1].take(&mut late));
        // The readers began with as many as it took.
        again.retain(|seen| seen.data != "begin" && seen.data != "ready");
        ["aend", "bend"].iter().all(|end| data(&again).contains(end))
    });
    let all: std::collections::BTreeSet<&str> = data(&again).into_iter().collect();
    assert_eq!(all.len(), again.len(), "nothing twice");
}

#[test]
fn k2_a_reader_away_longer_than_the_history_gets_one_resync() {
    let Some(redis) = Instance::start() else { return };
    let cable = Cable::to(&redis);
    let mut away = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(10));
    let mut here = Site::live(&redis, History::new(10));
    let mut reader = away.read_from("begin");
    cable.pull();
    wait(|| away.told.has("Down"));
    away.publish("alone");
    let alone = away.take_until(&mut reader, "alone");
    assert_eq!(data(&alone), ["alone"]);
    let mut witness = here.read_from("begin");
    for number in 0..1000 {
        here.publish(&number.to_string());
    }
    here.take_until(&mut witness, "999");
    cable.put_in();
    let mut seen = Vec::new();
    wait(|| {
        seen.extend(away.take(&mut reader));
        data(&seen).contains(&"999")
    });
    assert_eq!(seen.iter().filter(|seen| seen.name == "resync").count(), 1, "{seen:?}");
    assert_eq!(seen[0].name, "resync");
    let missed: u64 = seen[0].data.trim_start_matches("{\"missed\":").trim_end_matches('}').parse().unwrap();
    assert!(missed >= 900, "{missed}");
    here.take_until(&mut witness, "alone");
}

#[test]
fn k2_a_redis_that_comes_back_empty_is_reported_once() {
    let Some(mut redis) = Instance::start() else { return };
    let mut site = Site::live(&redis, History::new(100));
    let mut reader = site.read_from("begin");
    let old = reader.last().to_owned();
    redis.kill();
    wait(|| site.told.has("Down"));
    redis.begin_empty();
    let mut seen = Vec::new();
    wait(|| {
        seen.extend(site.take(&mut reader));
        seen.iter().any(|seen| seen.name == "resync")
    });
    site.publish("new");
    seen.extend(site.take_until(&mut reader, "new"));
    assert_eq!(data(&seen), ["{\"missed\":null}", "new"]);
    // An id from before, on a server that never saw that.
    let mut other = Site::live(&redis, History::new(100));
    let mut back = other.read(&old);
    let mut seen = Vec::new();
    wait(|| {
        seen.extend(other.take(&mut back));
        !seen.is_empty()
    });
    assert_eq!(data(&seen), ["{\"missed\":null}"]);
    // What is flushed while all are there is noticed with the next that is published.
    // As long as it has not read the new stream it gives its members at once what it publishes.
    wait(|| site.publish("live").reactors == 0);
    redis.ask(&["FLUSHALL"]);
    site.publish("after the flush");
    let mut seen = site.take_until(&mut reader, "after the flush");
    seen.retain(|seen| seen.data != "live");
    let expected = ["{\"missed\":null}", "after the flush"];
    assert_eq!(data(&seen), expected, "{seen:?}, {:?}", site.told.all());
}

/// What it has lost was acknowledged, and no member had got it: the server that has published it knows.
#[test]
fn k2_a_redis_that_lost_acknowledged_messages_is_reported_once() {
    let Some(redis) = Instance::start() else { return };
    let key = "jackfield:topic:t";
    let cables = [(); 2].map(|()| Cable::to(&redis));
    // So long that nothing leaves it, however often a reader begins until Redis knows of it.
    let mut sites = cables
        .each_ref()
        .map(|cable| Site::connected(Redis::new(&cable.address()).unwrap(), History::new(10_000)));
    let mut reader = sites[1].read_from("begin");
    let (dump, length) = (redis.ask(&["DUMP", key]), redis.ask(&["XLEN", key]));
    let (redis::Value::BulkString(dump), redis::Value::Int(length)) = (dump, length) else { panic!() };
    cables[1].pull();
    wait(|| sites[1].told.has("Down"));
    for number in numbers(0..5) {
        sites[0].publish(&number);
    }
    wait(|| redis.ask(&["XLEN", key]) == redis::Value::Int(length + 5));
    // It goes out when those before it were acknowledged; whether it was itself is not known.
    sites[0].publish("in doubt");
    wait(|| redis.ask(&["XLEN", key]) == redis::Value::Int(length + 6));
    cables[0].pull();
    // It is noticed by what is published next.
    sites[0].publish("after");
    wait(|| sites[0].told.has("Down"));
    redis.restore(key, &dump);
    cables.iter().for_each(Cable::put_in);
    let mut seen = sites[1].take_until(&mut reader, "after");
    seen.retain(|seen| seen.data != "in doubt");
    assert_eq!(data(&seen), ["{\"missed\":null}", "after"]);
}

#[test]
fn k2_a_wrong_password_is_reported_and_tried_again() {
    let Some(redis) = Instance::start_with(&["--requirepass", "right"]) else { return };
    let cable = Cable::to(&redis);
    let address = |password: &str| cable.address().replace("//", &format!("//:{password}@"));
    let mut site = Site::new(Redis::new(&address("wrong")).unwrap(), History::new(100));
    wait(|| site.told.has("Down"));
    let mut reader = site.read("");
    site.publish("alone");
    assert_eq!(data(&site.take_until(&mut reader, "alone")), ["alone"]);
    assert_eq!(site.handle().metrics().broker_down, 1);
    // The administrator makes it right.
    let connection = redis::Client::open(address("right")).unwrap().get_connection();
    redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("wrong").exec(&mut connection.unwrap()).unwrap();
    wait(|| site.told.has("Up"));
    site.publish("together");
    // Nobody had told it where the history is, so it is told that something may be missing.
    let mut seen = Vec::new();
    wait(|| {
        seen.extend(site.take(&mut reader));
        ["{\"missed\":null}", "together"].iter().all(|data| support::reader::data(&seen).contains(data))
    });
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(site.told.count("Down"), 1, "the same reason is reported once: {:?}", site.told.all());
    assert_eq!(site.handle().metrics().broker_down, 0);
    assert!(!format!("{:?}", site.told.all()).contains("wrong@"), "passwords are not told");
}

#[test]
fn k2_a_key_of_another_type_stops_its_topic_only() {
    let Some(redis) = Instance::start() else { return };
    redis.ask(&["SET", "jackfield:topic:t", "a string"]);
    let mut site = Site::live(&redis, History::new(100));
    assert!(site.handle().declare_topic("other", History::new(100)));
    let mut reader = site.read("");
    wait(|| site.told.has("TopicDown"));
    let mut other = Reader::connect(&mut site.server, "other", "");
    wait(|| {
        site.handle().publish("other", "goes on");
        !site.take(&mut other).is_empty()
    });
    site.publish("waits");
    assert_eq!(data(&site.take_until(&mut reader, "waits")), ["waits"], "members here get it");
    redis.ask(&["DEL", "jackfield:topic:t"]);
    let mut second = Site::live(&redis, History::new(100));
    let mut witness = second.read("1.0");
    second.take_until(&mut witness, "waits");
    assert_eq!(site.told.count("TopicDown"), 1, "{:?}", site.told.all());
    assert_eq!(site.told.count("Down"), 0);
    wait(|| site.told.has("TopicUp"));
    // And one that changes its type while it is read.
    let down = site.told.count("TopicDown");
    redis.ask(&["SET", "jackfield:topic:t", "again"]);
    site.publish("waits again");
    wait(|| site.told.count("TopicDown") > down);
    redis.ask(&["DEL", "jackfield:topic:t"]);
    second.take_until(&mut witness, "waits again");
}

/// The fault: it counted as refused until somebody read it again, who then got what had come before, or a `resync`.
#[test]
fn i455_a_topic_that_nobody_reads_any_more_is_not_known_as_refused() {
    let Some(redis) = Instance::start() else { return };
    redis.ask(&["SET", "jackfield:topic:t", "a string"]);
    let mut site = Site::live(&redis, History::new(100));
    let reader = site.read("");
    wait(|| site.told.has("TopicDown"));
    reader.reset();
    site.server.run();
    wait(|| site.told.has("TopicUp"));
    redis.ask(&["DEL", "jackfield:topic:t"]);
    let mut other = Site::live(&redis, History::new(100));
    let mut witness = other.read_from("old");
    let mut newcomer = site.read("");
    let mut seen = Vec::new();
    wait(|| {
        other.publish("new");
        seen.extend(site.take(&mut newcomer));
        !seen.is_empty()
    });
    other.publish("last");
    seen.extend(site.take_until(&mut newcomer, "last"));
    assert!(seen.iter().all(|seen| ["new", "last"].contains(&&*seen.data)), "{seen:?}");
    other.take_until(&mut witness, "last");
    assert_eq!(site.told.count("TopicDown"), 1, "{:?}", site.told.all());
}

/// The fault: all topics of a pipeline that was refused for one of them rested, and were sent together again, for ever.
#[test]
fn k2_a_topic_that_may_only_be_read_stops_no_other() {
    let Some(redis) = Instance::start() else { return };
    let cable = Cable::to(&redis);
    let mut site = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(100));
    let mut other = Site::live(&redis, History::new(100));
    let mut witness = other.read_from("begin");
    assert!(site.handle().declare_topic("x", History::new(100)));
    let has_of_x = |number| redis.ask(&["XLEN", "jackfield:topic:x"]) == redis::Value::Int(number);
    // The first entry has no message.
    site.handle().publish("x", "first");
    wait(|| has_of_x(2));
    // What waits for Redis goes out in one pipeline.
    cable.pull();
    wait(|| site.told.has("Down"));
    let only_read = ["ACL", "SETUSER", "default", "resetkeys", "%R~jackfield:topic:x"];
    redis.ask(&[&only_read[..], &["~jackfield:topic:t", "~jackfield:wake*", "~jackfield:node*"]].concat());
    site.handle().publish("x", "waits");
    site.publish("goes on");
    cable.put_in();
    other.take_until(&mut witness, "goes on");
    let told = |event: &str, topic: &str| site.told.count(&format!("{event} {{ topic: {topic:?}"));
    wait(|| told("TopicDown", "x") == 1);
    redis.ask(&["ACL", "SETUSER", "default", "allkeys"]);
    wait(|| has_of_x(3) && told("TopicUp", "x") == 1);
    let all = ["TopicDown", "TopicUp"].map(|event| [told(event, "x"), told(event, "t")]);
    assert_eq!(all, [[1, 0]; 2], "{:?}", site.told.all());
}

/// The fault: it filled the queue, and what was published to the other topics was dropped.
#[test]
fn i331_a_topic_that_redis_refuses_leaves_room_to_the_others() {
    check_room_of_others(false);
}

/// The fault: if Redis refuses it before anything is written, the queue was not told.
#[test]
fn i380_a_topic_with_members_that_redis_refuses_leaves_room_to_the_others() {
    check_room_of_others(true);
}

#[track_caller]
fn check_room_of_others(has_member: bool) {
    let Some(redis) = Instance::start() else { return };
    redis.ask(&["SET", "jackfield:topic:t", "a string"]);
    let small = Redis::new(&redis.address()).unwrap().queue_limits(10, 1 << 20);
    let mut site = Site::connected(small, History::new(100));
    assert!(site.handle().declare_topic("other", History::new(100)));
    let mut other = Reader::connect(&mut site.server, "other", "");
    let _member = has_member.then(|| site.read(""));
    if has_member {
        wait(|| site.told.has("TopicDown"));
    }
    let full: usize = numbers(0..20).iter().map(|number| site.publish(number).full).sum();
    assert!(full >= 10, "the queue is full: {full}");
    wait(|| site.handle().publish("other", "goes on").full == 0);
    site.take_until(&mut other, "goes on");
}

/// The fault: a server that ended in a pause of its attempts dropped what waited, although Redis was back.
#[test]
fn i375_what_waits_is_sent_by_a_server_that_ends_between_two_attempts() {
    const WAITING: i64 = 3;
    let Some(redis) = Instance::start() else { return };
    let cable = Cable::to(&redis);
    let mut site = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(100));
    let length = || redis.ask(&["XLEN", "jackfield:topic:t"]);
    // The first entry has no message.
    site.publish("first");
    wait(|| length() == redis::Value::Int(2));
    cable.pull();
    wait(|| site.told.has("Down"));
    // The pauses have become long.
    let attempts = cable.attempts();
    wait(|| cable.attempts() > attempts + 3);
    (0..WAITING).for_each(|number| assert_eq!(site.publish(&number.to_string()).full, 0));
    cable.put_in();
    drop(site);
    assert_eq!(length(), redis::Value::Int(2 + WAITING));
}

/// The fault: a topic with members was read up to its end first, and the messages were looked for behind that. So they were
/// written again, and took the places of others.
#[test]
fn i332_messages_whose_answer_is_lost_are_not_written_again() {
    let Some(redis) = Instance::start() else { return };
    let cable = Cable::to(&redis);
    let mut site = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(1000));
    let mut other = Site::live(&redis, History::new(1000));
    let (mut reader, mut witness) = (site.read_from("begin"), other.read_from("begin"));
    let length = || match redis.ask(&["XLEN", "jackfield:topic:t"]) {
        redis::Value::Int(length) => length,
        other => panic!("{other:?}"),
    };
    let before = length();
    cable.lose_answers();
    numbers(0..3).iter().for_each(|number| _ = site.publish(number));
    wait(|| length() > before);
    cable.pull();
    wait(|| site.told.has("Down"));
    cable.put_in();
    site.publish("end");
    for (site, reader) in [(&mut site, &mut reader), (&mut other, &mut witness)] {
        let mut seen = site.take_until(reader, "end");
        seen.retain(|seen| seen.data != "begin" && seen.data != "ready");
        assert_eq!(data(&seen), ["0", "1", "2", "end"]);
    }
    // The witness has it from Redis, where it is the last.
    assert_eq!(length(), before + 4);
}

#[test]
fn k2_a_slow_redis_doubles_nothing() {
    // Its disk is not to be what is slow.
    let Some(redis) = Instance::start_with(&["--appendfsync", "no"]) else { return };
    let slow = Redis::new(&redis.address()).unwrap().timeout(Duration::from_millis(300));
    let mut site = Site::connected(slow, History::new(1000));
    let mut other = Site::live(&redis, History::new(1000));
    let (mut reader, mut witness) = (site.read_from("begin"), other.read_from("begin"));
    for round in 0..3 {
        // It answers later than is waited for, and may carry out what was sent before.
        let downs = site.told.count("Down");
        redis.ask(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        for number in 0..20 {
            site.publish(&format!("a{round}.{number}"));
        }
        wait(|| site.told.count("Down") > downs);
        let ups = site.told.count("Up");
        redis.ask(&["CLIENT", "UNPAUSE"]);
        wait(|| site.told.count("Up") > ups || site.handle().metrics().broker_down == 0);
    }
    site.publish("aend");
    let mut seen = other.take_until(&mut witness, "aend");
    seen.retain(|seen| seen.data.starts_with('a'));
    assert_eq!(seen.len(), 61, "{:?}", data(&seen));
    let mut own = site.take_until(&mut reader, "aend");
    own.retain(|seen| seen.data.starts_with('a'));
    assert_eq!(data(&own), data(&seen));
}

/// The fault: each of the answers that did not come was waited for, one after the other: with 300 messages 300 times the timeout.
#[test]
fn k2_a_redis_that_hangs_after_a_pipeline_counts_as_away() {
    // Its disk is not to be what is slow.
    let Some(redis) = Instance::start_with(&["--appendfsync", "no"]) else { return };
    let cable = Cable::to(&redis);
    let hasty = Redis::new(&cable.address()).unwrap().timeout(Duration::from_secs(1));
    let mut site = Site::connected(hasty, History::new(1000));
    let mut reader = site.read_from("begin");
    // What waits for Redis goes out in one pipeline.
    cable.pull();
    wait(|| site.told.has("Down"));
    for number in numbers(0..300) {
        assert_eq!(site.publish(&number).full, 0);
    }
    let ups = site.told.count("Up");
    cable.swallow_transactions();
    cable.put_in();
    wait(|| site.told.count("Up") > ups);
    let downs = site.told.count("Down");
    wait(|| site.told.count("Down") > downs);
    site.publish("alone");
    site.take_until(&mut reader, "alone");
}

#[test]
fn k2_a_redis_out_of_memory_is_reported_and_caught_up() {
    let Some(redis) = Instance::start() else { return };
    let mut site = Site::live(&redis, History::new(1000));
    let mut other = Site::live(&redis, History::new(1000));
    let (mut reader, mut witness) = (site.read_from("begin"), other.read_from("begin"));
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    for number in numbers(0..50) {
        site.publish(&number);
    }
    wait(|| site.told.has("TopicDown"));
    let mut seen = site.take_until(&mut reader, "49");
    seen.retain(|seen| seen.data.parse::<u32>().is_ok());
    assert_eq!(data(&seen), numbers(0..50), "members here get it at once");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let mut seen = other.take_until(&mut witness, "49");
    seen.retain(|seen| seen.data.parse::<u32>().is_ok());
    assert_eq!(data(&seen), numbers(0..50));
    assert_eq!(site.told.count("Down"), 0, "{:?}", site.told.all());
}

#[test]
fn k2_a_redis_that_stays_out_of_memory_is_reported_and_not_left() {
    let Some(redis) = Instance::start() else { return };
    let mut site = Site::live(&redis, History::new(100));
    assert!(site.handle().declare_topic("unread", History::new(100)));
    let mut reader = site.read_from("begin");
    let outage = |site: &mut Site, number: usize| {
        redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        site.publish("refused");
        site.handle().publish("unread", "refused");
        wait(|| site.told.count("TopicDown { topic: \"unread\"") == number);
    };
    let end = |number: i64| {
        redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
        wait(|| redis.ask(&["XLEN", "jackfield:topic:unread"]) == redis::Value::Int(number + 1));
    };
    for number in 1..=2 {
        outage(&mut site, number);
        // After each pause both topics are tried again. That the first one can still be read is no end of the outage.
        let before = redis.refusals("OOM");
        wait(|| redis.refusals("OOM") >= before + 8);
        end(number as i64);
        for topic in ["t", "unread"] {
            let told = |event: &str| site.told.count(&format!("{event} {{ topic: {topic:?}"));
            wait(|| told("TopicUp") == number);
            assert_eq!(told("TopicDown"), number, "once for each outage: {:?}", site.told.all());
        }
        assert_eq!(site.told.count("Down"), 0, "{:?}", site.told.all());
    }
    site.publish("end");
    site.take_until(&mut reader, "end");
}

/// Redis gives what it has of each topic, and does not let all be read as they come. It was asked again and again, and nobody
/// was told.
#[test]
fn k2_a_redis_that_refuses_what_is_to_come_is_reported_once() {
    let Some(redis) = Instance::start() else { return };
    let mut site = Site::live(&redis, History::new(100));
    assert!(site.handle().declare_topic("other", History::new(100)));
    let mut reader = site.read_from("begin");
    let mut other = Reader::connect(&mut site.server, "other", "");
    let wake = format!("jackfield:wake:{:x}", site.handle().node());
    let ask = |commands: &[&[&str]]| commands.iter().for_each(|command| drop(redis.ask(command)));
    let no_right: [&[&[&str]]; 2] =
        [&[&["ACL", "SETUSER", "default", "-xread"]], &[&["ACL", "SETUSER", "default", "+xread"]]];
    let wrong_type: [&[&[&str]]; 2] = [&[&["DEL", &wake], &["SET", &wake, "a string"]], &[&["DEL", &wake]]];
    for (number, (word, [begin, end])) in
        [("NOPERM", no_right), ("WRONGTYPE", wrong_type)].into_iter().enumerate()
    {
        let before = redis.refusals(word);
        ask(begin);
        wait(|| redis.refusals(word) >= before + 4);
        let told = |event: &str, topic: &str| site.told.count(&format!("{event} {{ topic: {topic:?}"));
        for topic in ["t", "other"] {
            wait(|| told("TopicDown", topic) == number + 1);
        }
        site.publish("alone");
        site.take_until(&mut reader, "alone");
        assert_eq!(site.told.count("TopicUp"), 2 * number, "{word}: {:?}", site.told.all());
        ask(end);
        for topic in ["t", "other"] {
            let told = |event: &str| site.told.count(&format!("{event} {{ topic: {topic:?}"));
            wait(|| told("TopicUp") == number + 1);
            assert_eq!(told("TopicDown"), number + 1, "{word}: {:?}", site.told.all());
        }
        assert_eq!(site.told.count("Down"), 0, "{word}: {:?}", site.told.all());
    }
    site.publish("together");
    site.take_until(&mut reader, "together");
    site.handle().publish("other", "together");
    site.take_until(&mut other, "together");
}

/// The end of a server waited for the end of what its Redis was asked last, and of all that was left to ask.
#[test]
fn k2_a_server_does_not_wait_for_a_redis_that_never_ends_its_answer() {
    let redis = Endless::start();
    let timeout = Duration::from_millis(200);
    let site = Site::new(Redis::new(&redis.address).unwrap().timeout(timeout), History::new(100));
    wait(|| redis.has_begun());
    drop(site);
    assert!(redis.goes_on(), "it has waited for the end of the answer");
}

/// So it is after a failover, until the name of the Redis leads to its new primary.
#[test]
fn k2_a_redis_that_became_a_replica_counts_as_away() {
    let Some(redis) = Instance::start() else { return };
    let cable = Cable::to(&redis);
    let mut site = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(100));
    let mut reader = site.read_from("begin");
    for (stale, word) in [("yes", "READONLY"), ("no", "MASTERDOWN")] {
        let (ups, downs) = (site.told.count("Up"), site.told.count("Down"));
        redis.ask(&["CONFIG", "SET", "replica-serve-stale-data", stale]);
        // Nobody is there.
        redis.ask(&["REPLICAOF", "127.0.0.1", "1"]);
        site.publish(word);
        wait(|| site.told.count("Down") > downs);
        assert_eq!(data(&site.take_until(&mut reader, word)).last(), Some(&word), "members here get it");
        let attempts = cable.attempts();
        wait(|| cable.attempts() > attempts + 2);
        let told = site.told.all();
        assert_eq!(site.told.count("Up"), ups, "{told:?}");
        // What is read is refused in another way than what is written.
        assert!(site.told.count("Down") <= downs + 2, "the same reason is reported once: {told:?}");
        redis.ask(&["REPLICAOF", "NO", "ONE"]);
        wait(|| site.told.count("Up") > ups);
        site.publish("back");
        site.take_until(&mut reader, "back");
    }
}

/// A stream of an older epoch: one from a backup, or one that was lost and made again by a server whose clock is behind.
#[test]
fn k2_what_is_published_to_an_older_stream_is_not_lost() {
    const KEY: &str = "jackfield:topic:t";
    for is_away in [false, true] {
        let Some(redis) = Instance::start() else { return };
        let cable = Cable::to(&redis);
        let mut site = Site::connected(Redis::new(&cable.address()).unwrap(), History::new(100));
        let mut other = Site::live(&redis, History::new(100));
        let (mut reader, mut witness) = (site.read_from("begin"), other.read_from("begin"));
        if is_away {
            cable.pull();
            wait(|| site.told.has("Down"));
        }
        redis.ask(&["DEL", KEY]);
        redis.ask(&["XADD", KEY, "5-0", "m", ""]);
        redis.ask(&["XADD", KEY, "5-1", "m", "older"]);
        if is_away {
            cable.put_in();
            wait(|| site.told.count("Up") > 1);
            // It is written after it was opened to be read.
            site.publish("first");
            let length = || redis.ask(&["XLEN", KEY]);
            let before = redis::Value::Int(2);
            wait(|| length() != before);
            site.publish("second");
            wait(|| site.handle().metrics().broker_down == 0);
        }
        for text in ["after", "later"] {
            site.publish(text);
            site.take_until(&mut reader, text);
        }
        // The others get them too, each once.
        let seen = other.take_until(&mut witness, "later");
        assert_eq!(data(&seen).iter().filter(|text| **text == "after").count(), 1, "{:?}", data(&seen));
    }
}

/// Redis counts entries only. A server that loads them keeps as many as have room.
#[test]
fn k2_the_bound_in_bytes_holds_in_each_server() {
    const TEXTS: u32 = 50;
    let Some(redis) = Instance::start() else { return };
    let history = History::new(1000).max_bytes(2000);
    let mut first = Site::live(&redis, history);
    let mut reader = first.read_from("begin");
    let begin = reader.last().to_owned();
    let text = |number| format!("{number:0>100}");
    for number in 0..TEXTS {
        first.publish(&text(number));
    }
    first.take_until(&mut reader, &text(TEXTS - 1));
    let redis::Value::Int(entries) = redis.ask(&["XLEN", "jackfield:topic:t"]) else { panic!() };
    assert!(entries > i64::from(TEXTS), "{entries}");
    // One that has loaded them, and a second one that came after that.
    let mut second = Site::live(&redis, history);
    for site in [&mut second, &mut first] {
        let mut back = site.read(&begin);
        let mut seen = Vec::new();
        wait(|| {
            seen.extend(site.take(&mut back));
            !seen.is_empty()
        });
        let missed = seen[0].data.strip_prefix("{\"missed\":").and_then(|rest| rest.strip_suffix('}'));
        let missed: Option<u32> = missed.and_then(|missed| missed.parse().ok());
        assert!(seen[0].name == "resync" && missed >= Some(TEXTS), "{seen:?}");
    }
}

#[test]
fn k2_the_queue_has_a_bound() {
    let Some(mut redis) = Instance::start() else { return };
    let small = Redis::new(&redis.address()).unwrap().queue_limits(5, 1 << 20);
    let mut site = Site::connected(small, History::new(100));
    let mut reader = site.read_from("begin");
    redis.kill();
    wait(|| site.told.has("Down"));
    // What the reader began with may have been refused as well, if Redis was slow.
    let before = site.handle().metrics().broker_refused;
    let full: usize = numbers(0..8).iter().map(|number| site.publish(number).full).sum();
    assert!(full >= 3, "what was not acknowledged before has its place too: {full}");
    assert_eq!(site.handle().metrics().broker_refused - before, full as u64);
    let mut seen = site.take_until(&mut reader, "7");
    seen.retain(|seen| seen.data != "ready");
    assert_eq!(data(&seen), numbers(0..8), "members here get it all the same");
    assert!(site.told.has("Refused"));
    redis.begin();
    wait(|| site.told.count("Up") > 1);
    wait(|| site.publish("later").full == 0);
    let seen = site.take_until(&mut reader, "later");
    assert!(data(&seen).iter().all(|data| *data == "later"), "{:?}", data(&seen));
}

#[test]
fn an_address_that_is_none_is_refused() {
    assert!(Redis::new("nonsense").is_err());
    assert!(Redis::new("redis://127.0.0.1:1").is_ok());
    let shown = format!("{:?}", Redis::new("redis://:secret@127.0.0.1").unwrap());
    assert!(!shown.contains("secret"), "{shown}");
    #[cfg(not(feature = "tls"))]
    assert!(Redis::new("rediss://127.0.0.1").is_err());
}
