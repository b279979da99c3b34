//! Identifies a version of a file or folder, without access to a disk.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A version of a file: equal versions have equal bytes. Equal versions of a folder have the same names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    device: (u32, u32),
    inode: u64,
    bytes: u64,
    modified: (i64, u32),
    /// When its bytes or its attributes were changed. This time can't be set back.
    changed: (i64, u32),
}

impl Version {
    /// The version of an open file. `None`: the system does not give it, or the file was changed so recently that the
    /// next change might get the same time.
    pub(super) fn settled(file: &File) -> Option<Self> {
        system::version(file)?.once_settled()
    }

    /// This version, unless the change was so recent that the next one might get the same time.
    pub(super) fn once_settled(self) -> Option<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        self.is_settled(now).then_some(self)
    }

    /// The version of the file at a path, if the system has the whole path in memory, and no part of it is a symbolic
    /// link. It never waits for a disk.
    pub(super) fn at_once(path: &Path) -> Option<Self> {
        system::version_at_once(path)
    }

    /// Whether the last change is long enough ago. `now` is the time since 1970.
    fn is_settled(&self, now: Duration) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let grain = if nanoseconds == 0 { COARSE_GRAIN } else { FINE_GRAIN };
        let changed = u64::try_from(seconds).map(|seconds| Duration::new(seconds, nanoseconds));
        changed.is_ok_and(|changed| now.checked_sub(changed).is_some_and(|age| age > grain))
    }
}

/// Longer than the resolution of change times on any system with fine times.
const FINE_GRAIN: Duration = Duration::from_millis(20);
/// The same for file systems with a resolution of one or two seconds.
const COARSE_GRAIN: Duration = Duration::from_secs(3);

#[cfg(target_os = "linux")]
mod system {
    use super::Version;
    use rustix::fd::AsFd;
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx};
    use std::path::Path;

    pub(super) fn version(file: impl AsFd) -> Option<Version> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let found = statx(file, c"", flags, StatxFlags::BASIC_STATS).ok()?;
        Some(Version {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            bytes: found.stx_size,
            modified: (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
            changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        })
    }

    /// Opens the path with `O_PATH`, which has no effect on what is there, not even on a device.
    pub(super) fn version_at_once(path: &Path) -> Option<Version> {
        let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
        version(openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve).ok()?)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Version;
    use std::fs::File;
    use std::path::Path;

    pub(super) fn version(_file: &File) -> Option<Version> {
        None
    }

    pub(super) fn version_at_once(_path: &Path) -> Option<Version> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_change_is_not_settled() {
        for (changed, age_ms, expected) in [
            ((100, 1), 0, false),
            ((100, 1), 20, false),
            ((100, 1), 21, true),
            ((100, 0), 2999, false),
            ((100, 0), 3000, true),
            // From a clock that is ahead, and from before 1970.
            ((200, 1), 21, false),
            ((-1, 1), 21, false),
        ] {
            let version = Version { device: (0, 0), inode: 1, bytes: 1, modified: (0, 0), changed };
            let now = Duration::from_secs(100) + Duration::from_millis(age_ms) + Duration::from_nanos(1);
            assert_eq!(version.is_settled(now), expected, "{changed:?}, {age_ms}");
        }
    }
}
