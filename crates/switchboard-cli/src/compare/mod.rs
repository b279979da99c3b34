//! `compare`: this server beside the loop that does nothing and beside other libraries, under the same load.
//!
//! [`rows`] is what is compared and [`contender`] who. Each takes its turn in each run (A B C A B C), as a new
//! [`child`] process on a core of its own ([`cores`]), so that whatever the machine does otherwise falls on all alike;
//! [`board`] has the figures, and [`markdown`] and [`page`] are what is made of them.

pub(crate) mod board;
pub(crate) mod child;
pub(crate) mod contender;
pub(crate) mod cores;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod origin;
pub(crate) mod page;
pub(crate) mod rows;

use crate::args::Compare;
use crate::bench::outcome::Outcome;
use crate::bench::server::Server;
use crate::bench::{self, Error, proc};
use crate::units;
use board::{Board, Entry, Turn};
use child::{Gap, Running};
use contender::{CONTENDERS, Contender, Kind, Places};
use cores::Cores;
use origin::Origin;
use rows::{ROWS, Row};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

/// How it is to be measured.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) places: Places,
    pub(crate) cores: Option<Cores>,
    /// Those of the machine.
    pub(crate) core_count: usize,
    pub(crate) runs: usize,
    pub(crate) duration: Duration,
    pub(crate) idle_connections: usize,
    rows: Vec<&'static Row>,
    contenders: Vec<&'static Contender>,
}

/// The longest look at connections that do nothing.
const IDLE_MAX: Duration = Duration::from_millis(300);
/// How long a server has to notice that its clients have gone.
const PAUSE: Duration = Duration::from_millis(200);

/// Measures, and writes it down. False if this server has not been measured in each row.
///
/// # Errors
/// The command line makes no sense, or a file can't be written.
pub(crate) fn compare(args: &Compare) -> Result<bool, Error> {
    let setting = Setting::new(args)?;
    proc::raise_descriptor_limit();
    if let Some(cores) = setting.cores {
        cores::pin(cores.client)?;
    }
    let boards: Vec<Board> = setting.rows.iter().map(|row| setting.measure(row)).collect();
    let origin = Origin::new(&setting);
    let section = markdown::section(&boards, &origin);
    let is_whole = args.rows.is_empty() && args.servers.is_empty();
    let default = |path: &str| is_whole.then(|| setting.places.root.join(path));
    write_numbers(args.numbers.clone().or_else(|| default("docs/numbers.md")).as_deref(), &section)?;
    if let Some(report) = args.report.clone().or_else(|| default("docs/report")) {
        write_report(&report, &boards, &origin)?;
    }
    let is_wanted = setting.contenders.iter().any(|contender| contender.kind == Kind::Ours);
    let is_measured =
        |board: &Board| board.entry(Kind::Ours).is_some_and(|entry| entry.turns.iter().all(Option::is_some));
    Ok(!is_wanted || boards.iter().all(is_measured))
}

impl Setting {
    fn new(args: &Compare) -> Result<Self, Error> {
        if args.seconds < Duration::from_millis(50) {
            return Err(Error::Usage("nothing can be measured in less than 50ms".into()));
        }
        let rows = choose(ROWS, &args.rows, |row| row.id)?;
        let contenders = choose(CONTENDERS, &args.servers, |contender| contender.name)?;
        let root =
            args.root.clone().or_else(|| std::env::current_dir().ok().and_then(|here| root_above(&here)));
        let root = root.ok_or_else(|| {
            Error::Usage("the current directory is not in the repository; name it with `--root DIR`".into())
        })?;
        let root = root.canonicalize().map_err(|error| Error::File(root, error))?;
        let peers = args.peers.clone().unwrap_or_else(|| root.join("benches/peers/target/release"));
        let cores = Cores::choose(args.server_core, args.client_core);
        Ok(Self {
            places: Places { root, peers },
            cores,
            // Once this process is kept on a core, it sees no other.
            core_count: thread::available_parallelism().map_or(1, usize::from),
            runs: args.runs as usize,
            duration: args.seconds,
            idle_connections: args.idle_connections as usize,
            rows,
            contenders,
        })
    }

    /// All turns of all servers in one row.
    fn measure(&self, row: &'static Row) -> Board {
        let takes_part = self.contenders.iter().filter(|contender| contender.takes_part(row));
        let entry = |contender: &&'static Contender| Entry {
            contender,
            turns: Vec::new(),
            gap: None,
            remark: contender.remark(row, &self.places),
        };
        let mut entries: Vec<Entry> = takes_part.map(entry).collect();
        let mut is_hopeless = vec![false; entries.len()];
        for run in 1..=self.runs {
            for (entry, is_hopeless) in entries.iter_mut().zip(&mut is_hopeless) {
                if *is_hopeless {
                    entry.turns.push(None);
                    continue;
                }
                let turn = self.turn(entry.contender, row);
                eprintln!(
                    "{}, run {run} of {}, {}: {}",
                    row.id,
                    self.runs,
                    entry.contender.name,
                    describe(&turn)
                );
                *is_hopeless = matches!(turn, Err(Gap::Lasting(_)));
                match turn {
                    Ok(turn) => entry.turns.push(Some(turn)),
                    Err(Gap::Lasting(why) | Gap::Failure(why)) => {
                        entry.turns.push(None);
                        entry.gap = Some(why);
                    }
                }
            }
        }
        Board { row, entries }
    }

    /// One server's turn, from its start to its end.
    fn turn(&self, contender: &Contender, row: &Row) -> Result<Turn, Gap> {
        let running = Running::start(contender, row, &self.places, self.cores.map(|cores| cores.server))?;
        let server = Server::running(running.addr, rows::HOST, running.pid());
        if row.is_idle() { self.idle_turn(row, &server) } else { self.busy_turn(row, &server) }
    }

    fn busy_turn(&self, row: &Row, server: &Server) -> Result<Turn, Gap> {
        let outcome = bench::bench(&row.plan(self.duration, 0), server).map_err(failure)?;
        if outcome.operations == 0 {
            let why = outcome.errors.keys().next().map_or("no answer came", |kind| kind);
            return Err(Gap::Failure(format!("not one operation succeeded: {why}")));
        }
        Ok(Turn { rate: outcome.rate(), cost: outcome.server_ns_per_operation(), ..loads(&outcome) })
    }

    /// What memory has grown by between a tenth of the connections and all of them: so what a server only needs once is
    /// in neither.
    fn idle_turn(&self, row: &Row, server: &Server) -> Result<Turn, Gap> {
        let few = (self.idle_connections / 10).max(1);
        let duration = self.duration.min(IDLE_MAX);
        let memory = |outcome: &Outcome| outcome.server.and_then(|server| server.own_memory_end);
        let first = bench::bench(&row.plan(duration, few), server).map_err(failure)?;
        thread::sleep(PAUSE);
        let second = bench::bench(&row.plan(duration, self.idle_connections), server).map_err(failure)?;
        let Some((first, last)) = memory(&first).zip(memory(&second)) else {
            return Err(Gap::Failure("its memory can't be read".into()));
        };
        let cost = last.saturating_sub(first) as f64 / (self.idle_connections - few) as f64;
        let rate = self.idle_connections as f64 / second.opened_in.as_secs_f64();
        Ok(Turn { rate, cost: Some(cost), ..loads(&second) })
    }
}

fn loads(outcome: &Outcome) -> Turn {
    Turn {
        server_load: outcome.server_share().unwrap_or_default(),
        client_load: outcome.client_share(),
        others_load: outcome.others_share().unwrap_or_default(),
        is_client_full: outcome.is_client_bound(),
        errors: outcome.error_count(),
        error: outcome.errors.iter().max_by_key(|(_, count)| **count).map(|(kind, _)| kind.to_string()),
        ..Turn::default()
    }
}

fn failure(error: Error) -> Gap {
    Gap::Failure(error.to_string())
}

fn describe(turn: &Result<Turn, Gap>) -> String {
    match turn {
        Ok(turn) => format!(
            "{}/s, cost {}, server {:.0} %, client {:.0} %, others {:.0} %, errors {}",
            units::count(turn.rate),
            turn.cost.map_or_else(|| "unknown".into(), |cost| format!("{cost:.0}")),
            turn.server_load * 100.0,
            turn.client_load * 100.0,
            turn.others_load * 100.0,
            turn.errors,
        ),
        Err(Gap::Lasting(why) | Gap::Failure(why)) => why.clone(),
    }
}

/// Those that were named, in their own order; all of them, if none was.
fn choose<T>(
    all: &'static [T],
    wanted: &[String],
    name: fn(&T) -> &'static str,
) -> Result<Vec<&'static T>, Error> {
    if let Some(unknown) = wanted.iter().find(|wanted| !all.iter().any(|one| name(one) == *wanted)) {
        let names: Vec<&str> = all.iter().map(name).collect();
        return Err(Error::Usage(format!("there is no `{unknown}`, but {}", names.join(", "))));
    }
    Ok(all
        .iter()
        .filter(|one| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name(one)))
        .collect())
}

/// The repository that a directory is in.
fn root_above(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|root| root.join("benches/peers").is_dir()).map(Path::to_owned)
}

/// Puts the section into the file, or shows it.
fn write_numbers(path: Option<&Path>, section: &str) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Error::File(path, error)
    };
    let why = match path {
        None => "a part of the whole only; --numbers FILE would write it".to_owned(),
        Some(path) => match fs::read_to_string(path) {
            Ok(text) => match markdown::replace(&text, section) {
                Some(text) => {
                    fs::write(path, text).map_err(failed(path))?;
                    eprintln!("written to {}", path.display());
                    return Ok(());
                }
                None => {
                    format!("{} has no lines `{}` and `{}`", path.display(), markdown::BEGIN, markdown::END)
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                format!("there is no {}", path.display())
            }
            Err(error) => return Err(failed(path)(error)),
        },
    };
    eprintln!("not written to a file: {why}");
    // A reader that has gone is no failure.
    let _ = io::Write::write_all(&mut io::stdout(), section.as_bytes());
    Ok(())
}

fn write_report(directory: &Path, boards: &[Board], origin: &Origin) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(|error| Error::File(directory.to_owned(), error))?;
    let files = [
        ("index.html", page::page(boards, origin)),
        ("compare.json", format!("{:#}\n", json::result(boards, origin))),
    ];
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| Error::File(path, error))?;
    }
    eprintln!("report: {}", directory.join("index.html").display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_chosen_in_their_own_order() {
        let chosen = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            let rows = choose(ROWS, &wanted, |row| row.id)?;
            Ok::<Vec<&str>, Error>(rows.iter().map(|row| row.id).collect())
        };
        assert_eq!(chosen(&["ws", "http"]).ok(), Some(vec!["http", "ws"]));
        assert_eq!(chosen(&[]).map(|all| all.len()).ok(), Some(ROWS.len()));
        let error = chosen(&["http", "tls"]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("`tls`") && error.contains("idle-ws")));
    }
}
