//! TLS: what a peer has sent and rustls keeps. What each session has is no part of it.

use crate::tls::{Authority, Identity, Secured};
use crate::world::{CONNECTIONS, World};
use jackfield::Listener;
use jackfield::test::{TestOptions, TestServer, listener};
use rustls::version::{TLS12, TLS13};

const KIB: usize = 1 << 10;

/// A server whose listener has one configuration, or hosts.
fn options(has_hosts: bool) -> TestOptions {
    match has_hosts {
        false => TestOptions { tls: Some(Identity::new().server_config()), ..TestOptions::default() },
        true => {
            let listener = Listener::tcp("127.0.0.1:0").host(Authority::new("authority").host("localhost"));
            TestOptions { listeners: vec![listener], ..TestOptions::default() }
        }
    }
}

/// The beginning of a ClientHello of 64,000 bytes, in records.
fn hello(bytes: usize) -> Vec<u8> {
    let message = [&[1, 0, 250, 0][..], &[7; 64_000]].concat();
    let records = message.chunks(16_000).flat_map(|part| {
        let [high, low] = (part.len() as u16).to_be_bytes();
        [&[22, 3, 1, high, low][..], part].concat()
    });
    records.take(bytes).collect()
}

#[test]
fn n5_half_a_client_hello_is_charged() {
    for has_hosts in [false, true] {
        for bytes in [5000, 10_000, 16_004, 16_005, 16_006, 30_000, 60_000] {
            for piece in [bytes, 3001] {
                let mut world = World::new(options(has_hosts), |_, _| ());
                let hello = hello(bytes);
                world.ends.iter().for_each(|far| far.send(&hello[..1]));
                world.server.run();
                for far in &world.ends {
                    far.set_read_max(Some(piece));
                    far.send(&hello[1..]);
                }
                let what = format!("{bytes} bytes of a hello in pieces of {piece}, hosts: {has_hosts}");
                world.check(&what, bytes.saturating_sub(8000) * CONNECTIONS, TestServer::run);
                world.check_end(&what);
            }
        }
    }
}

/// A session whose peer has sent a part of a record, after some that are complete.
#[test]
fn n5_half_a_record_is_charged() {
    for (version, whole) in [(&TLS13, 0), (&TLS12, 16_000), (&TLS13, 40_000)] {
        for part in [100, 9000, 16_000] {
            let what = format!("{part} bytes of a record after {whole} plain ones by {version:?}");
            let identity = Identity::new();
            let options = TestOptions { tls: Some(identity.server_config()), ..TestOptions::default() };
            let mut world = World::with_connections_to(listener::RAW, options, |_, _| ());
            let config = identity.client_config(&[version]);
            let ends = std::mem::take(&mut world.ends);
            let mut peers: Vec<_> = ends.into_iter().map(|far| Secured::new(far, config.clone())).collect();
            for peer in &mut peers {
                // The ends grow before it is measured.
                (0..2).for_each(|_| drop(peer.say(&mut world.server, vec![7; 50_000])));
            }
            assert_eq!(world.charged(), 0, "{what}: nothing before it");
            let mut rest = Vec::new();
            for peer in &mut peers {
                let (before, last) = (peer.encrypt(&vec![7; whole]), peer.encrypt(&vec![7; part]));
                peer.far.send(&before);
                peer.far.send(&last[..part]);
                rest.push(last[part..].to_vec());
            }
            world.check(&what, part.saturating_sub(4 * KIB) * CONNECTIONS, TestServer::run);
            peers.iter().zip(&rest).for_each(|(peer, rest)| peer.far.send(rest));
            world.server.run();
            assert_eq!(world.charged(), 0, "{what}: it is given back with the rest");
        }
    }
}

/// Half a hello from each of many peers: the largest are evicted, and nobody else notices.
#[test]
fn n5_half_client_hellos_stay_in_the_budget() {
    for has_hosts in [false, true] {
        let mut options = options(has_hosts);
        options.limits.memory_bytes_max = 4 * KIB * KIB;
        let mut world = World::new(options, |_, _| ());
        for far in &world.ends {
            far.send(&hello(60_000));
            world.server.run();
            assert!(world.charged() <= 4 * KIB * KIB + 128 * KIB, "{} bytes", world.charged());
        }
        let metrics = world.server.handle().metrics();
        assert!(
            metrics.evicted > 0 || world.ends.iter().any(|far| far.unread_bytes() > 0),
            "hosts: {has_hosts}"
        );
        world.check_end("half hellos");
    }
}
