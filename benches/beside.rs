//! Two servers that do the same, each in a process of its own: both get the same load in turns, and what counts is the ratio of
//! their processor time. Only Linux tells it per process to the nanosecond.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server in a process of its own, which ends with this.
#[derive(Debug)]
pub struct Server {
    child: Child,
    name: String,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Server {
    /// This program once more, as the server of that name: see [`role`]. It says `listening on ADDR` first.
    ///
    /// # Panics
    /// If it doesn't.
    #[must_use]
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        let mut child =
            command.arg(name).args(arguments).stdout(Stdio::piped()).spawn().expect("it runs once more");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("its first line");
        let addr = line.trim().strip_prefix("listening on ").expect("its address");
        Self { child, name: name.into(), addr: addr.parse().expect("an address") }
    }

    /// The processor time that all of its threads have taken.
    ///
    /// # Panics
    /// If the system does not tell it, or it has ended.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let times = tasks.map(|task| {
            let text = fs::read_to_string(task.expect("a task").path().join("schedstat")).expect("its times");
            text.split(' ').next().expect("the first").parse::<u64>().expect("nanoseconds")
        });
        Duration::from_nanos(times.sum())
    }

    /// Bytes of its memory that are resident.
    ///
    /// # Panics
    /// If the system does not tell them, or it has ended.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If it has ended by itself, both fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name of the server that this process is to be, and its arguments; `None`: it is the one that measures.
#[must_use]
pub fn role() -> Option<(String, Vec<String>)> {
    let mut arguments = std::env::args().skip(1);
    Some((arguments.next()?, arguments.collect()))
}

/// Rounds of each server; the first is to warm up and does not count.
const ROUNDS: usize = 11;

/// Gives both servers the same load in turns, which says how many operations it was, and prints what one of them took for
/// each server, and the ratio: medians of all rounds, with the least and the most of the ratio.
///
/// # Panics
/// If a server takes no time.
pub fn compare(what: &str, [first, second]: [&Server; 2], mut load: impl FnMut(SocketAddr) -> u64) {
    let mut each = |server: &Server| {
        let before = server.cpu();
        let operations = load(server.addr);
        (server.cpu() - before).as_nanos() as f64 / operations as f64
    };
    let rounds: Vec<[f64; 2]> = (0..ROUNDS).map(|_| [each(first), each(second)]).skip(1).collect();
    let sorted = |of: fn(&[f64; 2]) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let [ns, other_ns, ratio] = [sorted(|it| it[0]), sorted(|it| it[1]), sorted(|it| it[1] / it[0])];
    let middle = ratio.len() / 2;
    println!(
        "{what}: {} {:.0} ns, {} {:.0} ns, {:.3} ({:.3} - {:.3})",
        first.name,
        ns[middle],
        second.name,
        other_ns[middle],
        ratio[middle],
        ratio[0],
        ratio[ratio.len() - 1],
    );
}
