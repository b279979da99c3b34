//! Files in memory, within a bound.

use super::condition::Stamp;
use super::version::Version;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A cached file.
#[derive(Clone, Debug)]
pub(super) struct CachedFile {
    pub(super) version: Version,
    /// The version of its folder in which it has no compressed neighbours, if that is known.
    pub(super) alone_in: Option<Version>,
    pub(super) stamp: Stamp,
    pub(super) content_type: String,
    pub(super) etag: String,
    pub(super) last_modified: Option<String>,
    pub(super) body: Arc<[u8]>,
}

/// The cached files of a folder.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    files: HashMap<PathBuf, Arc<CachedFile>>,
    /// The paths, in the order in which they were added.
    order: VecDeque<PathBuf>,
    /// Bytes of all files, and of those for which room was made.
    bytes: usize,
}

/// Memory that a file takes in addition to its bytes.
const FILE_BYTES: usize = 1024;
/// The longest file that is cached.
const LENGTH_MAX: usize = 1 << 20;
/// One file may take at most this part of the bound.
const PART: usize = 8;
/// The most files that are looked at to find one that can be dropped.
const LOOKS_MAX: usize = 16;

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, inside: Mutex::default() }
    }

    /// The file at a path, if it is cached and has not changed.
    pub(super) fn find(&self, path: &Path) -> Option<Arc<CachedFile>> {
        if self.bytes_max == 0 {
            return None;
        }
        let cached = self.lock().files.get(path).cloned()?;
        (Version::at_once(path)? == cached.version).then_some(cached)
    }

    /// The file at a path, if it is cached in this version.
    pub(super) fn at_version(&self, path: &Path, version: &Version) -> Option<Arc<CachedFile>> {
        self.lock().files.get(path).filter(|cached| cached.version == *version).cloned()
    }

    /// Notes in which version of its folder a cached file has no compressed neighbours.
    pub(super) fn note_alone(&self, path: &Path, alone_in: Option<Version>) {
        if let Some(cached) = self.lock().files.get_mut(path) {
            *cached = Arc::new(CachedFile { alone_in, ..CachedFile::clone(cached) });
        }
    }

    /// Makes room for a file of this length, by dropping the oldest files that are not being sent. False: it must not
    /// be cached.
    pub(super) fn make_room(&self, path: &Path, length: u64) -> bool {
        let Ok(length) = usize::try_from(length) else { return false };
        if length > LENGTH_MAX || length + FILE_BYTES > self.bytes_max / PART {
            return false;
        }
        let mut inside = self.lock();
        if inside.files.get(path).is_some_and(|old| old.is_in_use()) {
            // An older version of it is being sent, and stays until then.
            return false;
        }
        for _ in 0..LOOKS_MAX {
            if inside.bytes + length + FILE_BYTES <= self.bytes_max {
                inside.bytes += length + FILE_BYTES;
                return true;
            }
            inside.drop_first();
        }
        false
    }

    /// Adds a file for which there is room.
    pub(super) fn insert(&self, path: PathBuf, file: CachedFile) {
        let mut inside = self.lock();
        match inside.files.insert(path.clone(), Arc::new(file)) {
            Some(old) => inside.bytes -= old.bytes(),
            None => inside.order.push_back(path),
        }
    }

    /// Gives the room back, because the file could not be read.
    pub(super) fn cancel_room(&self, length: u64) {
        self.lock().bytes -= length as usize + FILE_BYTES;
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Drops the oldest file; if it is being sent, it becomes the newest instead.
    fn drop_first(&mut self) {
        let Some(path) = self.order.pop_front() else { return };
        match self.files.get(&path) {
            Some(file) if file.is_in_use() => self.order.push_back(path),
            _ => self.bytes -= self.files.remove(&path).map_or(0, |file| file.bytes()),
        }
    }
}

impl CachedFile {
    /// Whether nothing was added to its folder since it was seen to have no compressed neighbours.
    pub(super) fn is_alone(&self, path: &Path) -> bool {
        self.alone_in.is_some() && path.parent().and_then(Version::at_once) == self.alone_in
    }

    fn bytes(&self) -> usize {
        self.body.len() + FILE_BYTES
    }

    /// Its bytes are still being sent.
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.body) > 1
    }
}

// On other systems nothing is cached.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs::{self, File};

    /// The bound holds for any files, and files that are being sent stay.
    #[test]
    fn the_bound_holds() {
        let path = std::env::temp_dir().join(format!("jackfield-cache-{}", std::process::id()));
        fs::write(&path, "x").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let file = File::open(&path).unwrap();
        let (Some(version), Ok(stamp)) = (Version::settled(&file), Stamp::of(&file)) else {
            panic!("a file that was written a while ago is settled");
        };
        let of_length = |length: usize| {
            let (etag, content_type) = Default::default();
            CachedFile {
                version,
                alone_in: None,
                stamp,
                content_type,
                etag,
                last_modified: None,
                body: vec![0; length].into(),
            }
        };
        let cache = Cache::new(80_000);
        assert!(!cache.make_room(&path, 9_000), "more than its part");
        let of_any_size = Cache::new(usize::MAX);
        let has_room = [1 << 20, (1 << 20) + 1].map(|length| of_any_size.make_room(&path, length));
        assert_eq!(has_room, [true, false], "1 MiB, and too long");
        assert!(Cache::new(0).find(&path).is_none());
        let mut sent = Vec::new();
        for number in 0..200_usize {
            let length = number * 37 % 8_000;
            let name = PathBuf::from(format!("{}", number % 60));
            if cache.make_room(&name, length as u64) {
                let kept = of_length(length);
                sent.extend((number % 20 == 0).then(|| kept.body.clone()));
                cache.insert(name, kept);
            }
            let inside = cache.lock();
            let held: usize = inside.files.values().map(|kept| kept.bytes()).sum();
            assert!(inside.bytes == held && held <= 80_000 && inside.order.len() == inside.files.len());
        }
        assert!(cache.lock().files.len() > 5);
        assert!(cache.make_room(&path, 5));
        cache.insert(path.clone(), of_length(5));
        assert_eq!(cache.find(&path).map(|kept| kept.body.len()), Some(5));
        fs::write(&path, "xy").unwrap();
        assert!(cache.find(&path).is_none(), "it has changed");
        fs::remove_file(&path).unwrap();
        assert!(cache.find(&path).is_none(), "it is gone");
        assert!(cache.make_room(&path, 7));
        cache.cancel_room(7);
    }
}
