//! A program as a process, and a directory for what it writes. The tests of `lab` use this file too.

use super::TOOL;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

/// A directory that is there as long as this is.
pub(crate) struct Directory(PathBuf);

/// Runs the program to its end, and gives its exit status, its output and what it said is wrong.
pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(TOOL);
    let output = command.args(args).stdin(Stdio::null()).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it is UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("jackfield-tests-{}-{number}", std::process::id()));
        // An earlier process of the same number may have left it.
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left is the system's to clean up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
