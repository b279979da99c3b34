//! `attack`: the attacks of the tool, on the built-in server or another, and the goals that Jackfield has set itself.
//!
//! The tool judges what holds for any server: that other connections are served, and that no memory or descriptor is
//! left over afterwards. How much a connection may cost is this project's own goal.

use crate::base::papers::{self, Section};
use crate::compare::ground::root_above;
use crate::compare::identity::Identity;
use clap::Args;
use jackfield_cli::attack;
use jackfield_cli::attack::args::Attack;
use jackfield_cli::attack::goal::{Bound, Row};
use jackfield_cli::attack::table;
use jackfield_cli::attack::task::Stop;
use jackfield_cli::attack::what::What;
use jackfield_cli::base::error::Error;
use jackfield_cli::bench::plan::Play;
use jackfield_cli::bench::server::Server;
use std::path::PathBuf;

/// An attack, and where its table goes.
#[derive(Debug, Args)]
pub(crate) struct ToGoals {
    #[command(flatten)]
    attack: Attack,
    /// The file whose generated section is replaced [default: docs/numbers.md, if all attacks are made as they usually are]
    #[arg(long, value_name = "FILE")]
    numbers: Option<PathBuf>,
}

/// Upper bounds of figures: the attack, the beginning of its row, and the bound in the row's unit.
const GOALS: [(&str, &str, f64); 10] = [
    ("slow-heads", "memory for each", 1600.0),
    ("slow-heads", "the normal client's p99 against before", 2.0),
    ("silent-handshakes", "the normal client's p99 against before", 2.0),
    // Of live bytes, which `cargo test -p jackfield --test memory` counts; pages are what can be seen from outside.
    ("idle", "memory for", 256.0),
    ("descriptors", "processor time", 1.0),
    ("descriptors", "longest wait of a new connection", 0.1),
    ("descriptors", "service after relief", 0.1),
    ("mutants", "memory against before", (5 << 20) as f64),
    ("slow-readers", "memory for each reader", (64 << 10) as f64),
    ("slow-readers", "memory when all are gone", (5 << 20) as f64),
];
/// Where the table goes in a document.
const SECTION: Section = Section("attack");

/// Attacks, writes the results into the documents after a run of all attacks, and shows them. False if a goal is
/// missed.
///
/// # Errors
/// The command line makes no sense, the server does not answer as it should from the start, or a file can't be
/// written.
pub(crate) fn attack(args: &ToGoals) -> Result<bool, Error> {
    attack::check(&args.attack)?;
    let here = || root_above(&std::env::current_dir().ok()?);
    let default = || args.is_whole().then(|| Some(here()?.join("docs/numbers.md"))).flatten();
    let numbers = args.numbers.clone().or_else(default);
    papers::check(numbers.as_deref(), None)?;
    let rows = || attack::rows(&args.attack, &Stop::default());
    let mut rows = match (&args.attack.target, args.attack.what) {
        (None, What::SilentHandshakes) => silent_handshakes(&args.attack)?,
        (None, What::All) => [rows()?, silent_handshakes(&args.attack)?].concat(),
        _ => rows()?,
    };
    rows.iter_mut().for_each(set_goal);
    if let Some(numbers) = numbers {
        SECTION.write(Some(&numbers), &table::markdown(&rows))?;
    }
    attack::show(&args.attack, &rows)
}

impl ToGoals {
    /// Whether it is what the documents show: all attacks of their usual size, on the built-in server.
    fn is_whole(&self) -> bool {
        let Attack { what, target, connections, count, descriptors, head_timeout, linger, .. } = &self.attack;
        let is_usual = connections.is_none()
            && count.is_none()
            && descriptors.is_none()
            && head_timeout.is_none()
            && linger.is_none();
        *what == What::All && target.is_none() && is_usual
    }
}

/// The attack that needs TLS, which the built-in server speaks only with a certificate.
fn silent_handshakes(args: &Attack) -> Result<Vec<Row>, Error> {
    let identity = Identity::new()?;
    let timeout = format!("--handshake-timeout={}ms", args.head_timeout().as_millis());
    let server = Server::start(false, &[&identity.args()[..], &[timeout]].concat())?;
    let url = format!("https://{}{}", server.addr, Play::Http.built_in_path());
    let args = Attack {
        what: What::SilentHandshakes,
        target: Some(url.parse().map_err(Error::Usage)?),
        server_pid: server.pid,
        insecure: true,
        ..args.clone()
    };
    attack::rows(&args, &Stop::default())
}

/// Gives a row this project's goal, if the tool has none for it.
fn set_goal(row: &mut Row) {
    let is_its = |(attack, what, _): &&(&str, &str, f64)| row.attack == *attack && row.what.starts_with(what);
    let goal = GOALS.iter().find(is_its).map(|(_, _, bound)| Bound::AtMost(*bound));
    row.bound = row.bound.or(goal);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use jackfield_cli::attack::goal::{Sheet, Unit, Verdict};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        to_goals: ToGoals,
    }

    /// The fault: a small attack, or one on another server, was written into the documents.
    #[test]
    fn i500_only_usual_attacks_go_into_the_documents() {
        for (line, is_whole) in [
            ("lab", true),
            ("lab all --seed 2 --json", true),
            ("lab idle", false),
            ("lab all 127.0.0.1:1", false),
            ("lab all -c 100", false),
            ("lab all --count 100", false),
            ("lab all --descriptors 64", false),
            ("lab all --head-timeout 1s", false),
            ("lab all --linger 1s", false),
        ] {
            let parsed = Line::try_parse_from(line.split(' ')).expect("it is a command line");
            assert_eq!(parsed.to_goals.is_whole(), is_whole, "{line}");
        }
    }

    #[test]
    fn our_goals_are_added_to_those_of_the_tool() {
        let mut sheet = Sheet::new("idle");
        sheet.figure("memory for a WebSocket, of 10", Unit::Bytes, Ok(257.0));
        sheet.figure("time", Unit::Seconds, Ok(257.0));
        sheet.at_most("memory for all", 1000.0, Unit::Bytes, Ok(999.0));
        sheet.rows.iter_mut().for_each(set_goal);
        let verdicts: Vec<Verdict> = sheet.rows.iter().map(Row::verdict).collect();
        assert_eq!(verdicts, [Verdict::Missed, Verdict::None, Verdict::Met]);
    }
}
