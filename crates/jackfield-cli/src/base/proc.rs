//! Processor time and memory of a process, from the system.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::Duration;

/// The processor time that this process has used.
pub fn own_cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// The processor time that this thread has used.
pub fn thread_cpu() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The processor time that a process has used, in user mode and in the kernel. `None` if there is no such process, or
/// no `/proc`.
pub fn cpu(pid: u32) -> Option<Duration> {
    let ticks = of_ticks(parse_ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?);
    // Exact, but without the threads that have ended.
    let exact = cpu_of_threads(pid).filter(|exact| *exact + TICKS_OFF_MAX > ticks);
    Some(exact.unwrap_or(ticks))
}

/// How much the clock ticks may be ahead of the exact time: a few ticks.
const TICKS_OFF_MAX: Duration = Duration::from_millis(30);

/// The sum over all present threads.
fn cpu_of_threads(pid: u32) -> Option<Duration> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.map_while(Result::ok) {
        // A thread may end at any time.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        sum += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    (sum > 0).then(|| Duration::from_nanos(sum))
}

/// The processor time that all processes have used.
pub fn cpu_of_all() -> Option<Duration> {
    let ticks = parse_all_ticks(&fs::read_to_string("/proc/stat").ok()?)?;
    Some(of_ticks(ticks))
}

/// Bytes of memory that a process has in use, as `VmRSS` counts them.
pub fn memory(pid: u32) -> Option<u64> {
    parse_kib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// Bytes of memory that a process has in use and that are backed by no file, counted page by page: `VmRSS` is kept per
/// processor, and may be some dozens of pages off.
pub fn own_memory(pid: u32) -> Option<u64> {
    parse_kib(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Anonymous:")
}

/// A process that this one has started, and that runs.
pub fn child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_ascii_whitespace().next()?.parse().ok()
}

/// Bytes that the kernel has for the buffers of all TCP sockets.
pub fn tcp_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let pages: u64 = line.split_once(" mem ")?.1.split_ascii_whitespace().next()?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Descriptors that a process has open.
pub fn descriptors(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// The name of the processor, if the system tells.
pub fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The version of the kernel.
pub fn kernel() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned())
}

/// Bytes of memory that the machine has.
pub fn machine_memory() -> Option<u64> {
    parse_kib(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// Lets this process open as many descriptors as it may.
pub fn raise_descriptor_limit() {
    set_descriptor_limit(None);
}

/// Raises the limit of open descriptors to this number; `None`: as far as is allowed.
pub fn set_descriptor_limit(descriptors: Option<u64>) {
    let limit = getrlimit(Resource::Nofile);
    // If it is refused, opening the connections will fail.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: descriptors.or(limit.maximum), ..limit });
}

/// How many descriptors this process may have open; `None`: any number.
pub fn descriptor_limit() -> Option<usize> {
    usize::try_from(getrlimit(Resource::Nofile).current?).ok()
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The first line of `/proc/stat`: user, nice, system, then idle and waiting, which don't count, then the time in
/// interrupts, which is counted to the processes that they fall upon.
fn parse_all_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let mut next = || fields.next()?.parse::<u64>().ok();
    let busy = next()? + next()? + next()?;
    let _idle = (next()?, next()?);
    Some(busy + next()? + next()?)
}

/// Fields 14 and 15 of `stat`, counted behind the name, which may have blanks and parentheses of its own.
fn parse_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn parse_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        let stat = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(parse_ticks(stat), Some(300));
        assert_eq!(parse_ticks("42 (a"), None);
        assert_eq!(parse_all_ticks("cpu  10 20 30 40 50 6 7 8 9\ncpu0 1 2 3"), Some(73));
        assert_eq!(parse_all_ticks("intr 1"), None);
        assert_eq!(parse_kib("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n", "VmRSS:"), Some(1234 * 1024));
        assert_eq!(parse_kib("VmRSS:\t 1 pages\n", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_known() {
        let pid = std::process::id();
        assert!(cpu(pid).is_some() && memory(pid).is_some_and(|bytes| bytes > 100_000));
        assert!(own_memory(pid).is_some_and(|bytes| bytes > 10_000));
        assert!(tcp_memory().is_some() && descriptors(pid) > Some(2) && descriptor_limit() > Some(2));
        assert!(cpu_of_all().is_some() && kernel().is_some() && machine_memory().is_some());
        assert!(own_cpu() > Duration::ZERO);
    }
}
