//! A Redis that this program starts for itself.

use jackfield_redis::Redis;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, io, process, thread};

/// The time between two attempts to connect while it starts.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 2000;

/// It ends when its input ends, so always together with the program, and then it removes its folder. The program handles
/// Ctrl-C.
const SCRIPT: &str = "trap '' INT
    redis-server --port 0 --unixsocket socket --appendonly yes --save '' &
    cat && kill $! && wait
    rm -r \"$PWD\"";

/// A `redis-server` in a folder of its own, which is reached by a socket there. It ends when this is
/// dropped or the program is killed, and removes the folder.
pub struct OwnRedis {
    child: Child,
    folder: PathBuf,
}

/// The Redis at the URL that `--broker` gives.
#[must_use]
pub fn broker(url: &str) -> Redis {
    Redis::new(url).unwrap_or_else(|error| super::fail(format!("`--broker {url}`: {error}")))
}

/// The address of the Redis that was given, or of one that is started and ends with what is returned. If there is none to be
/// started the program ends, and says so.
#[must_use]
pub fn redis(given: Option<&str>) -> (String, Option<OwnRedis>) {
    let Some(url) = given else {
        let own = OwnRedis::start().unwrap_or_else(|error| {
            super::fail(format!(
                "`redis-server` can't be started ({error}): install it, or give one with `--broker URL`"
            ))
        });
        return (own.url(), Some(own));
    };
    (url.to_owned(), None)
}

impl OwnRedis {
    /// Starts one, and waits until it is there.
    ///
    /// # Errors
    /// There is none on this machine, most of the time.
    pub fn start() -> io::Result<Self> {
        Command::new("redis-server").arg("--version").stdout(Stdio::null()).status()?;
        let folder = env::temp_dir().join(format!("jackfield-example-{}", process::id()));
        fs::create_dir_all(&folder)?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let own = Self { child: command.spawn()?, folder };
        for _ in 0..LOOKS_MAX {
            if own.socket().exists() {
                return Ok(own);
            }
            thread::sleep(LOOK_EVERY);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // This fails if it was waited for already.
        let _ = self.child.wait();
    }
}
