//! The server in simulation: thousands of schedules of echo, chat, event streams, lines and HTTP, each a bad day of its
//! own. `SWITCHBOARD_SIM_SEEDS=10000` runs so many; a seed that failed is replayed with its trace by
//! `SWITCHBOARD_SIM_SEED=N cargo test -p switchboard --test sim replay -- --nocapture`.

mod sim_support;

use sim_support::server;
use switchboard::sim::peer::WebSocket;
use switchboard::sim::{self, Faults, Options, Sim};
use switchboard::{Client, Message};

struct Echo;

impl Client for Echo {
    fn on_message(&mut self, socket: &mut switchboard::WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

#[test]
fn bad_days() {
    sim::each_seed(3000, |seed, options| {
        server(seed, options).run();
    });
}

/// The seed in `SWITCHBOARD_SIM_SEED`, with its trace.
#[test]
fn replay() {
    let seed = std::env::var("SWITCHBOARD_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let report = server(seed, sim::options_of(seed, true)).run();
    assert!(!report.trace.is_empty());
}

#[test]
fn without_faults_everything_is_answered() {
    for seed in 0..20 {
        let options = Options { faults: Faults::none(), ..Options::default() };
        let mut sim = Sim::new(seed, options, |_peer| Echo);
        for _ in 0..5 {
            sim.add(WebSocket::echo(20));
        }
        sim.run();
    }
}

#[test]
#[should_panic(expected = "SWITCHBOARD_SIM_SEED=")]
fn a_violation_names_its_seed() {
    struct Liar;

    impl Client for Liar {
        fn on_message(&mut self, socket: &mut switchboard::WebSocket<'_>, _message: Message<'_>) {
            socket.send("something else");
        }
    }

    let mut sim = Sim::new(5, Options { faults: Faults::none(), ..Options::default() }, |_peer| Liar);
    sim.add(WebSocket::echo(1));
    sim.run();
}
