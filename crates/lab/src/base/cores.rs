//! Which cores the servers and the load generator run on.

use std::io;

/// One core for the servers, and another for the load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
}

impl Cores {
    /// The last and the first core that this process may use, unless others are given. `None` if there are fewer than
    /// two, or the system does not tell.
    pub(crate) fn choose(server: Option<usize>, client: Option<usize>) -> Option<Self> {
        choose_of(&allowed(), server, client)
    }
}

fn choose_of(allowed: &[usize], server: Option<usize>, client: Option<usize>) -> Option<Cores> {
    let taken = client;
    let server = server.or_else(|| allowed.iter().rev().copied().find(|core| Some(*core) != taken))?;
    let client = client.or_else(|| allowed.iter().copied().find(|core| *core != server))?;
    Some(Cores { server, client })
}

/// Those that this process may use.
#[cfg(target_os = "linux")]
pub(crate) fn allowed() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// Keeps this thread, and what it starts from now on, on one core.
///
/// # Errors
/// There is no such core, or this process may not use it.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn allowed() -> Vec<usize> {
    Vec::new()
}

/// Elsewhere threads can't be kept on a core.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_core: usize) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_and_client_get_different_cores() {
        let cores = |server, client| Some(Cores { server, client });
        assert_eq!(choose_of(&[0, 1, 5], None, None), cores(5, 0));
        assert_eq!(choose_of(&[0, 1], Some(0), None), cores(0, 1));
        assert_eq!(choose_of(&[0, 1], None, Some(1)), cores(0, 1));
        assert_eq!(choose_of(&[0, 1], Some(7), Some(8)), cores(7, 8));
        assert_eq!(choose_of(&[3], None, None), None);
        assert_eq!(choose_of(&[], None, None), None);
    }
}
