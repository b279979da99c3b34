//! The command line of `lab growth`.

use crate::compare::args::Whereabouts;
use clap::Args;
use jackfield_cli::base::units::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// The plots.
#[derive(Debug, Args)]
pub(crate) struct Growth {
    /// How often each point is measured; what is shown are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// How long to measure each time; a tenth of it goes before as warm-up
    #[arg(long, value_name = "S", value_parser = parse_duration, default_value = "3")]
    pub(crate) seconds: Duration,
    /// Only these plots; then docs/ stays as it is, unless it is named
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub(crate) plots: Vec<String>,
    /// Measure nothing: write the page and its plots anew, with the figures of this `growth.json`, beside it or into --report
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "seconds", "plots", "most", "numbers"])]
    pub(crate) from: Option<PathBuf>,
    /// Leave out points with more connections, subscribers or bytes than this; then docs/ stays as it is, unless it is named
    #[arg(long, value_name = "N")]
    pub(crate) most: Option<usize>,
    #[command(flatten)]
    pub(crate) whereabouts: Whereabouts,
}

impl Growth {
    /// Whether all that belongs into the documents is measured.
    pub(crate) fn is_whole(&self) -> bool {
        self.plots.is_empty() && self.most.is_none()
    }
}

/// What a server in memory does.
#[derive(Clone, Debug, Args)]
pub(crate) struct World {
    /// On each thread
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// On each thread
    #[arg(long, default_value_t = 100_000)]
    pub(crate) events: usize,
    /// Each with a server of its own
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// The cores that the threads run on, in order
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,
    /// WebSockets instead of HTTP
    #[arg(long)]
    pub(crate) ws: bool,
    /// Only make the peers' ends, to know what they take
    #[arg(long)]
    pub(crate) only_ends: bool,
}

pub(crate) const GROWTH: &str = "\
Plots: connections-http, connections-ws, memory-time, memory-instructions, memory-bytes, subscribers-ws, subscribers-sse, size.

Exit status: 0 when each point of this server was measured, 2 when there is a gap.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        growth: Growth,
    }

    fn line(words: &[&str]) -> Option<Growth> {
        Line::try_parse_from([&["growth"], words].concat()).ok().map(|line| line.growth)
    }

    /// The faults: `--most` wrote a part over the documents, and `--from` ignored what it has no use for.
    #[test]
    fn i500_only_the_whole_goes_into_the_documents() {
        for (words, is_whole) in [
            (&[][..], true),
            (&["--runs", "1", "--seconds", "1"], true),
            (&["--plots", "size"], false),
            (&["--most", "100"], false),
        ] {
            assert_eq!(line(words).map(|growth| growth.is_whole()), Some(is_whole), "{words:?}");
        }
        assert!(line(&["--from", "a", "--report", "b"]).is_some());
        for words in
            [["--most", "1"], ["--plots", "size"], ["--numbers", "b"], ["--runs", "2"], ["--seconds", "2"]]
        {
            assert!(line(&[&["--from", "a"], &words[..]].concat()).is_none(), "{words:?}");
        }
    }
}
