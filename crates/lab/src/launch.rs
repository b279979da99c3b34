//! What happens between the start of a server that is compared and its own program: the core, and the tie.
//!
//! A process can give itself a core and a signal for the death of its parent, and both outlive the exchange of its
//! program. So servers that know nothing of either get both, and keep the process id that their parent knows.

use crate::base::cores;
use clap::Args;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What another program is started with.
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
    // It may have ended before the signal was asked for.
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
