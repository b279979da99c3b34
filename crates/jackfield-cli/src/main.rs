//! `jackfield`: the command-line tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    jackfield_cli::main()
}
