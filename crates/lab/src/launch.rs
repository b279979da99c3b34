//! Starts a compared server: pins it to a core, and makes it end together with its parent.
//!
//! A process can pin itself to a core and ask for a signal at the death of its parent, and `exec` keeps both. So a
//! server gets both without its own code, and keeps the process id that its parent knows.

use crate::base::cores;
use clap::Args;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The settings of the other program.
#[derive(Debug, Args)]
pub(crate) struct Launch {
    /// The core that it runs on
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The process that it ends with [default: its parent]
    #[arg(long)]
    pub(crate) parent: Option<u32>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

/// Becomes the other program. Returns only if that fails.
pub(crate) fn launch(args: &Launch) -> io::Error {
    if let Err(error) = prepare(args) {
        return error;
    }
    let [program, rest @ ..] = &args.command[..] else { return io::ErrorKind::InvalidInput.into() };
    Command::new(program).args(rest).exec()
}

#[cfg(target_os = "linux")]
fn prepare(args: &Launch) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the signal was asked for.
    let parent = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if args.parent.is_some_and(|wanted| i64::from(parent) != i64::from(wanted)) {
        return Err(io::Error::other("the process that has started this one has ended"));
    }
    args.core.map_or(Ok(()), cores::pin)
}

#[cfg(not(target_os = "linux"))]
fn prepare(_args: &Launch) -> io::Result<()> {
    Ok(())
}
