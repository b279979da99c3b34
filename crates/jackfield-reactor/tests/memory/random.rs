//! Random acts of several peers, and a service that does random things: properties that hold in any order.

use crate::world::World;
use proptest::prelude::*;

const PEERS: usize = 4;

#[derive(Clone, Debug)]
enum Act {
    Connect,
    Send(usize, String),
    Trickle(usize, usize),
    Finish(usize),
    Reset(usize),
    Room(usize, Option<usize>),
    Outside(usize, String),
    Advance(u64),
}

/// What the service can be told to do, to the wire that it comes from or to another.
fn command() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        8 => prop::sample::select(vec!["say hello", "fill 5", "fill 90", "fill 900", "through 300", "share 2100"]),
        2 => prop::sample::select(vec!["body 2100", "own 3000", "touch", "flush_early", "share 10", "fill 3000"]),
        4 => prop::sample::select(vec!["pause", "resume", "hold", "release", "yield"]),
        2 => prop::sample::select(vec!["timer 1 10", "timer 2 0", "timer 2 300", "cancel 1", "idle 50", "sound"]),
        1 => prop::sample::select(vec!["close", "close 7", "abort", "close_output"]),
    ];
    (prop::option::weighted(0.4, 0..PEERS), plain).prop_map(|(whom, plain)| match whom {
        Some(whom) => format!("@{whom} {plain}"),
        None => plain.into(),
    })
}

fn commands() -> impl Strategy<Value = String> {
    prop::collection::vec(command(), 1..4).prop_map(|commands| commands.join("; "))
}

/// Bytes of a peer: lines, some of them in more than one piece, and now and then a flood.
fn bytes() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => commands().prop_map(|line| line + "\n"),
        2 => prop::collection::vec(commands(), 1..6).prop_map(|lines| lines.join("\n") + "\n"),
        1 => commands(),
        1 => Just("\n".into()),
        1 => (1usize..400).prop_map(|count| "x".repeat(count)),
        1 => (1usize..100).prop_map(|count| "say x\n".repeat(count)),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let peer = || 0..PEERS;
    prop_oneof![
        3 => Just(Act::Connect),
        12 => (peer(), bytes()).prop_map(|(peer, bytes)| Act::Send(peer, bytes)),
        1 => (peer(), 0usize..20).prop_map(|(peer, most)| Act::Trickle(peer, most)),
        1 => peer().prop_map(Act::Finish),
        1 => peer().prop_map(Act::Reset),
        6 => (peer(), prop::option::of(0usize..2000)).prop_map(|(peer, room)| Act::Room(peer, room)),
        3 => (peer(), commands()).prop_map(|(peer, commands)| Act::Outside(peer, commands)),
        4 => prop_oneof![0u64..20, 0u64..3_000, 0u64..40_000].prop_map(Act::Advance),
    ]
}

/// The service's answers to what it hears besides bytes.
fn reactions() -> impl Strategy<Value = Vec<(String, String)>> {
    let kind = prop::sample::select(vec!["end", "drain", "timer 1", "timer 2", "idle 50", "close Local"]);
    let entry = (0..PEERS, kind).prop_map(|(peer, kind)| format!("{peer} {kind}"));
    prop::collection::vec((entry, commands()), 0..12)
}

/// Several acts happen before each turn, so that their news come in one batch.
fn play(acts: &[Vec<Act>], reactions: &[(String, String)]) -> World {
    let mut world = World::with(|limits| {
        (limits.outbox_bytes_high, limits.outbox_bytes_low, limits.outbox_bytes_max) = (2000, 500, 10_000);
        (limits.carry_bytes_max, limits.read_bytes) = (300, 128);
    });
    for (entry, commands) in reactions {
        world.on(entry, commands);
    }
    for batch in acts {
        for act in batch {
            one(&mut world, act);
        }
        world.run();
    }
    world
}

fn one(world: &mut World, act: &Act) {
    let there = world.far.len();
    match act {
        Act::Connect if there < PEERS => drop(world.connect()),
        Act::Send(peer, bytes) if *peer < there => world.far[*peer].send(bytes.as_bytes()),
        Act::Trickle(peer, most) if *peer < there => {
            world.far[*peer].set_read_max((*most > 0).then_some(*most));
        }
        Act::Finish(peer) if *peer < there => world.far[*peer].finish(),
        Act::Reset(peer) if *peer < there => world.far[*peer].reset(),
        Act::Room(peer, room) if *peer < there => world.far[*peer].set_room(*room),
        Act::Outside(peer, commands) if *peer < there => {
            world.service.act(&mut world.driver.reactor.wires, *peer, commands);
        }
        Act::Advance(ms) => world.advance(*ms),
        _ => {}
    }
}

/// Lets everybody take what is meant for him, and ends.
fn advance_close(world: &mut World) {
    for peer in 0..world.far.len() {
        world.on(&format!("{peer} drain"), "");
        world.room(peer, None);
    }
    for peer in 0..world.far.len() {
        world.act(peer, "resume; release");
        world.act(peer, "idle 0; close");
        world.far[peer].finish();
    }
    world.run();
    world.is_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// The service of `world` asserts that nothing is called after its wire was closed, and nothing twice; `run`
    /// that everything comes to rest.
    #[test]
    fn whatever_happens_is_in_order(
        acts in prop::collection::vec(prop::collection::vec(act(), 1..5), 1..30),
        reactions in reactions(),
    ) {
        let mut world = play(&acts, &reactions);
        advance_close(&mut world);
        for peer in 0..world.far.len() {
            world.take(peer);
            let (got, promised) = (&world.got[peer], &world.service.promised[peer]);
            if world.far[peer].is_reset() {
                prop_assert!(promised.starts_with(got), "peer {} got what was never said", peer);
            } else {
                prop_assert!(got == promised, "peer {} lost {} bytes", peer, promised.len() - got.len());
            }
            let closes = world.service.log.iter().filter(|entry| entry.starts_with(&format!("{peer} close ")));
            prop_assert_eq!(closes.count(), 1);
            let ends = world.service.log.iter().filter(|entry| **entry == format!("{peer} end"));
            prop_assert!(ends.count() <= 1);
        }
        let mut again = play(&acts, &reactions);
        advance_close(&mut again);
        prop_assert_eq!(again.service.log, world.service.log);
    }
}
