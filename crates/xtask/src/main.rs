//! Tools of this repository, run as `cargo run -p xtask -- <command>`.

use std::env;
use std::process::ExitCode;

mod evidence;
mod faults;
mod features;
mod names;
mod picture;
mod promises;
mod row;
mod scoreboard;
mod seeds;
mod sources;

/// A tool: what to type, what it does, and the function that gets the rest of the arguments.
struct Command {
    usage: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<ExitCode, String>,
}

/// Every tool there is. A new one is a module with a `run` function and an entry here; the first word of `usage` is
/// its name.
const COMMANDS: &[Command] = &[
    Command {
        usage: "picture",
        about: "Draws docs/report/comparison-*.svg from the published comparison",
        run: picture::run,
    },
    Command {
        usage: "scoreboard [--write | --from FILE]",
        about: "Which rows of docs/features.md are shown by passing tests",
        run: scoreboard::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let name = arguments.first().map_or("help", String::as_str);
    if matches!(name, "help" | "-h" | "--help") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name() == name) else {
        eprint!("xtask: there is no command `{name}`\n\n{}", help());
        return ExitCode::from(2);
    };
    (command.run)(&arguments[1..]).unwrap_or_else(|message| {
        eprintln!("xtask {name}: {message}");
        ExitCode::from(2)
    })
}

impl Command {
    fn name(&self) -> &'static str {
        self.usage.split(' ').next().unwrap_or(self.usage)
    }
}

fn help() -> String {
    let mut text = String::from("Usage: cargo run -p xtask -- <command>\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<38} {}\n", command.usage, command.about));
    }
    text
}
