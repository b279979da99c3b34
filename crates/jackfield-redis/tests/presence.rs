//! Who is subscribed on all servers that share a real Redis, as each of them knows it.
#![cfg(unix)]

mod support;

use jackfield::History;
use jackfield_redis::Redis;
use std::env;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use support::{Cable, Instance, Site, wait};

/// The address of the Redis, for the server in a process of its own.
const ADDRESS: &str = "JACKFIELD_REDIS_OF_A_TEST";
const EVERY: Duration = Duration::from_millis(100);
/// A server is forgotten after three times that span: it must not wait so long for the disk.
const HASTY: [&str; 2] = ["--appendfsync", "no"];

fn site(address: &str) -> Site {
    Site::connected(Redis::new(address).unwrap().presence_interval(EVERY), History::new(100))
}

/// Waits until each server knows this number of members.
#[track_caller]
fn wait_for(sites: &mut [Site], expected: usize) {
    wait(|| {
        sites.iter_mut().for_each(|site| site.server.run());
        let knows = |site: &Site| {
            let handle = site.handle();
            handle.cluster_subscribers("t") == expected && handle.cluster_members("t").len() == expected
        };
        sites.iter().all(knows)
    });
}

#[test]
fn k2_members_come_and_go_on_all_servers() {
    let Some(redis) = Instance::start_with(&HASTY) else { return };
    let mut sites = [(); 2].map(|()| site(&redis.address()));
    let first = sites[0].read("");
    let second = sites[1].read("");
    let third = sites[1].read("");
    wait_for(&mut sites, 3);
    let handles = sites.each_ref().map(Site::handle);
    assert_eq!(handles.each_ref().map(|handle| handle.subscribers("t")), [1, 2], "that is each one's own");
    // On a busy machine the other one may be forgotten for a moment.
    wait(|| {
        let all = handles[0].cluster_members("t");
        let other = all.get(1..).unwrap_or_default();
        let ids: Vec<_> = other.iter().map(|member| member.id).collect();
        other.iter().all(|member| member.node == handles[1].node()) && ids == handles[1].members("t")
    });
    second.reset();
    wait_for(&mut sites, 2);
    first.reset();
    wait_for(&mut sites, 1);
    third.reset();
    wait_for(&mut sites, 0);
}

/// One that ends says so at once. One that hears nothing, or of which nothing is heard, is forgotten in time.
#[test]
fn k2_servers_that_end_or_are_cut_off_are_forgotten() {
    let Some(redis) = Instance::start_with(&HASTY) else { return };
    let cable = Cable::to(&redis);
    let mut sites = [site(&redis.address()), site(&cable.address())];
    let _readers = [sites[0].read(""), sites[1].read("")];
    wait_for(&mut sites, 2);
    cable.pull();
    wait_for(&mut sites, 1);
    cable.put_in();
    wait_for(&mut sites, 2);
    let [stays, ends] = sites;
    drop(ends);
    let mut stays = [stays];
    wait_for(&mut stays, 1);
    // The key has an end, and is written again: on a busy machine it may be gone for a moment.
    wait(|| redis.ask(&["SCARD", "jackfield:nodes"]) == redis::Value::Int(1));
}

#[test]
fn k2_presence_is_sent_again_to_a_redis_that_comes_back() {
    let Some(mut redis) = Instance::start_with(&HASTY) else { return };
    let mut sites = [(); 2].map(|()| site(&redis.address()));
    let _readers = [sites[0].read(""), sites[1].read("")];
    wait_for(&mut sites, 2);
    redis.kill();
    wait_for(&mut sites, 1);
    redis.begin();
    wait_for(&mut sites, 2);
    redis.kill();
    redis.begin_empty();
    let _third = sites[0].read("");
    wait_for(&mut sites, 3);
}

#[test]
fn k2_a_redis_without_presence_is_reported_once_and_still_used() {
    let Some(redis) = Instance::start_with(&HASTY) else { return };
    redis.ask(&["SET", "jackfield:nodes", "a string"]);
    let mut sites = [(); 2].map(|()| site(&redis.address()));
    let mut reader = sites[0].read_from("begin");
    let _second = sites[1].read("");
    wait(|| sites.iter().all(|site| site.told.has("PresenceDown")));
    sites[1].publish("goes on");
    sites[0].take_until(&mut reader, "goes on");
    redis.ask(&["DEL", "jackfield:nodes"]);
    wait_for(&mut sites, 2);
    for site in &sites {
        assert_eq!(
            (site.told.count("PresenceDown"), site.told.count("Down")),
            (1, 0),
            "{:?}",
            site.told.all()
        );
    }
}

/// The server that the test below kills: in the test's own process it does nothing.
#[test]
fn a_server_in_a_process_of_its_own() {
    let Ok(address) = env::var(ADDRESS) else { return };
    let mut site = site(&address);
    let _reader = site.read("");
    loop {
        site.server.run();
        thread::sleep(EVERY);
    }
}

/// Ends with this, whatever becomes of the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // If it has ended by itself, both fail.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn k2_the_members_of_a_server_that_is_killed_are_forgotten() {
    let Some(redis) = Instance::start_with(&HASTY) else { return };
    let mut sites = [site(&redis.address())];
    let _reader = sites[0].read("");
    let other = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_server_in_a_process_of_its_own"])
        .env(ADDRESS, redis.address())
        .stdout(Stdio::null())
        .spawn();
    let mut other = Process(other.unwrap());
    wait_for(&mut sites, 2);
    // As `kill -9` does.
    other.0.kill().unwrap();
    wait_for(&mut sites, 1);
}
