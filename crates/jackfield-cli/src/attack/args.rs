//! The command line of `attack`.

use super::what::{Name, What};
use crate::base::error::Error;
use crate::base::target::{self, Target};
use crate::base::units::parse_timeout;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// An attack, and what it is measured with.
#[derive(Clone, Debug, Args)]
pub struct Attack {
    /// Which attack to make
    #[arg(value_parser = Name, default_value = "all")]
    pub what: What,
    /// An address or URL, such as `127.0.0.1:8080` or `https://localhost:8443/` [default: the built-in server, which is started for
    /// each attack]
    pub target: Option<Target>,
    /// The process ID of the server, if it runs on this machine. Then its memory, file descriptors and processor time are measured
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// For https: trust the certificates in this PEM file [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// For https: trust every certificate. Use it for test servers only
    #[arg(long, conflicts_with = "ca_file")]
    pub insecure: bool,
    /// The seed of all random choices in `slow-heads` and `mutants`. The same seed gives the same bytes [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How many connections to open, in all attacks but `mutants` [default: `slow-heads` 5000, `silent-handshakes` 1000, `idle` 15000,
    /// `descriptors` 600, `slow-readers` 3000]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub connections: Option<u32>,
    /// How many requests `mutants` sends. It opens a tenth as many WebSockets [default: 1000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(10..=1_000_000_000))]
    pub count: Option<u64>,
    /// How many file descriptors the built-in server may open in `descriptors` [default: 256]
    #[arg(long, value_name = "N", conflicts_with = "target", value_parser = clap::value_parser!(u64).range(32..=100_000))]
    pub descriptors: Option<u64>,
    /// How long the server waits for the head of a request, such as `10s` or `500ms`, in `slow-heads`. The built-in server is started
    /// with it; set it to the timeout of your own server. In `silent-handshakes` it is the time for a handshake [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub head_timeout: Option<Duration>,
    /// How long the server still reads a connection that it has ended, in `slow-heads`, whose peers send on, and in
    /// `silent-handshakes`. The built-in server is started with it; set it to that of your own server [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub linger: Option<Duration>,
    /// Print the figures as JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Descriptors of each side that are no connections.
pub(crate) const OTHER_DESCRIPTORS: usize = 64;

impl Attack {
    /// Looks for what makes no sense in the options.
    ///
    /// # Errors
    /// An option means nothing to this attack, or there are too few descriptors for its connections.
    pub fn check(&self, descriptor_limit: Option<usize>) -> Result<(), Error> {
        target::check_own(
            self.target.as_ref(),
            &[
                ("--server-pid", self.server_pid.is_some()),
                ("--ca-file", self.ca_file.is_some()),
                ("--insecure", self.insecure),
            ],
        )
        .map_err(Error::Usage)?;
        use What::{All, Descriptors, Mutants, SilentHandshakes, SlowHeads};
        let crowds = What::CROWDS.map(|(what, _)| what);
        let options: [(&str, bool, &[What]); 6] = [
            ("--connections", self.connections.is_some(), &crowds),
            ("--count", self.count.is_some(), &[Mutants]),
            ("--descriptors", self.descriptors.is_some(), &[Descriptors]),
            ("--head-timeout", self.head_timeout.is_some(), &[SlowHeads, SilentHandshakes]),
            ("--linger", self.linger.is_some(), &[SlowHeads, SilentHandshakes]),
            ("--seed", self.seed.is_some(), &[SlowHeads, Mutants]),
        ];
        for (option, is_given, attacks) in options {
            if is_given && self.what != All && !attacks.contains(&self.what) {
                let names: Vec<String> = attacks.iter().map(|what| what.name()).collect();
                let (name, names) = (self.what.name(), names.join(", "));
                return Err(Error::Usage(format!("{name} has no use for {option}: it is for {names}")));
            }
        }
        crowds.into_iter().try_for_each(|attack| self.check_descriptors(attack, descriptor_limit))
    }

    fn check_descriptors(&self, attack: What, limit: Option<usize>) -> Result<(), Error> {
        let connections = self.connections_of(attack);
        let wanted = connections + OTHER_DESCRIPTORS;
        // Among all attacks this one has by far the most connections, so there it is only a gap.
        let is_gap = attack == What::Idle && self.what == What::All;
        match limit {
            Some(limit) if limit < wanted && self.includes(attack) && !is_gap => Err(Error::Usage(format!(
                "{}: {connections} connections need {wanted} file descriptors, and the system lets a process open only {limit}: \
                 run `ulimit -n {wanted}` first, or give a smaller number with -c",
                attack.name()
            ))),
            _ => Ok(()),
        }
    }

    /// How many connections this attack opens.
    pub(crate) fn connections_of(&self, attack: What) -> usize {
        let default = What::CROWDS.iter().find(|(what, _)| *what == attack).map_or(0, |(_, count)| *count);
        self.connections.map_or(default, |count| count as usize)
    }

    /// The seed of all random choices.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// How long the server waits for a head, or for a handshake.
    pub fn head_timeout(&self) -> Duration {
        self.head_timeout.unwrap_or(Duration::from_secs(10))
    }

    /// How long the server still reads a connection that it has ended.
    pub(crate) fn linger(&self) -> Duration {
        self.linger.unwrap_or(Duration::from_secs(30))
    }

    /// True if this attack is to be made. All attacks are those that the target can have.
    pub fn includes(&self, attack: What) -> bool {
        let is_possible = attack != What::SilentHandshakes || self.is_tls();
        self.what == attack || self.what == What::All && is_possible
    }

    /// True if the target speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_tls)
    }
}

/// What the help ends with.
pub const AFTER: &str = "\
Examples:
  jackfield attack all http://127.0.0.1:8080/ --server-pid 4242
  jackfield attack slow-readers http://127.0.0.1:8080/large-file
  jackfield attack slow-heads --connections 500
  jackfield attack mutants --count 10000000 --seed 7
  jackfield attack all --json http://127.0.0.1:8080/ > figures.json

Attack only servers that are yours. During an attack a normal client asks for the path of the URL, which must answer with \
a status of 2xx. `slow-readers` needs a path with a body of 1 MiB or more. \
`idle` opens WebSockets too, if the server has one at this path.

Each line of the result is a figure. Some have a goal that is right for every server: the normal client is served, and \
no connection is left behind. Memory and processor time have no goal, because only you know how much is acceptable. \
A gap is a figure that could not be measured; its line says why.

Exit status: 0 if every goal that could be measured is met; 1 if one is missed, the server ended, or it did not answer as it should \
from the start; 2 if the command line is wrong, a file can't be read or the result can't be written; 130 after Ctrl-C, which shows \
the attacks that had ended.";

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        attack: Attack,
    }

    /// The options of these words, which make sense.
    pub(in super::super) fn attack(words: &str) -> Attack {
        let words = ["attack"].into_iter().chain(words.split(' '));
        Line::try_parse_from(words).expect("it is a command line").attack
    }

    #[track_caller]
    fn check(line: &str, limit: Option<usize>, why: Option<&str>) {
        let words = ["attack"].into_iter().chain(line.split(' '));
        let line = Line::try_parse_from(words).expect("it is a command line");
        let error = line.attack.check(limit).map_err(|error| error.to_string()).err();
        match why {
            Some(why) => assert!(error.as_ref().is_some_and(|error| error.contains(why)), "{error:?}"),
            None => assert_eq!(error, None),
        }
    }

    #[test]
    fn options_without_a_use_are_refused() {
        let why = "mutants has no use for --connections: it is for slow-heads, silent-handshakes";
        check("mutants -c 100", None, Some(why));
        check("idle --head-timeout 5s", None, Some("idle has no use for --head-timeout"));
        check("slow-heads --count 100", None, Some("it is for mutants"));
        check("slow-readers --descriptors 100", None, Some("it is for descriptors"));
        check("idle --linger 2s", None, Some("idle has no use for --linger"));
        check("idle --seed 2", None, Some("it is for slow-heads, mutants"));
        check("all -c 100 --count 100 --descriptors 100 --head-timeout 5s --linger 2s --seed 2", None, None);
        check("slow-heads -c 100 --head-timeout 5s --linger 2s --seed 2", None, None);
        let line = ["attack", "descriptors", "127.0.0.1:1", "--descriptors", "100"];
        assert!(Line::try_parse_from(line).is_err(), "the server there can't be told");
    }

    #[test]
    fn too_few_descriptors_are_found_before_the_attack() {
        let few = Some("slow-heads: 30000 connections need 30064 file descriptors");
        check("slow-heads -c 30000", Some(20_000), few);
        check("slow-heads -c 30000", Some(30_064), None);
        check("slow-heads -c 30000", None, None);
        check("idle", Some(10_000), Some("idle: 15000 connections"));
        check("all", Some(10_000), None);
        check("all", Some(4000), Some("slow-heads: 5000 connections"));
        check("all -c 100", Some(4000), None);
    }
}
