//! What a test does for want of a program.

use std::process::{Command, Stdio};

/// Says why a test is skipped. With `JACKFIELD_REQUIRE_CLIENTS` in the environment, which `.ci/run` sets where every program is there,
/// it fails instead.
#[track_caller]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("JACKFIELD_REQUIRE_CLIENTS").is_none(), "would be skipped: {why}");
    println!("skipped: {why}");
}

/// Whether there is a `redis-server` on this machine. If not, the test that asks is skipped.
#[track_caller]
#[allow(dead_code, reason = "most programs of tests need none")]
pub(crate) fn has_redis() -> bool {
    let is_there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_there {
        skip("there is no redis-server on this machine");
    }
    is_there
}
