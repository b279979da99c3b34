//! Two of `testbed` that share their topics by a Redis.

use crate::http::Http;
use crate::process::{Example, TempDir, run};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn testbeds_with_one_broker_feed_what_the_other_publishes() {
    if run("redis-server", ["--version"], "").is_none() {
        return;
    }
    let folder = TempDir::new("testbed-broker");
    // At a socket in a folder of its own: there is no port that another could take.
    let kept = ["--save", "", "--appendonly", "no", "--port", "0", "--unixsocket", "socket", "--dir"];
    let _redis = Example::of(Path::new("redis-server"), kept.iter().map(Path::new).chain([folder.path()]));
    let broker = format!("redis+unix://{}", folder.path().join("socket").display());
    let [(_one, publishes), (_other, feeds)] =
        [(); 2].map(|()| Example::start("testbed", &["--broker", &broker]));
    let mut feed = Http::connect(feeds);
    feed.send("GET /feed HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(feed.head().status, 200);
    let has_come = AtomicBool::new(false);
    thread::scope(|scope| {
        // Until one has come: what was published before the other had reached the Redis may come too early for the feed.
        scope.spawn(|| {
            let mut http = Http::connect(publishes);
            while !has_come.load(Ordering::Relaxed) {
                assert_eq!(http.get("/publish").status, 200);
                thread::sleep(Duration::from_millis(10));
            }
        });
        let news = format!("data: {}", "x".repeat(56));
        // A feed that began before its server had reached the Redis gets a `resync`, because it may have missed something.
        while feed.line() != news {}
        let id = feed.line();
        has_come.store(true, Ordering::Relaxed);
        let offset = id.strip_prefix("id: ").and_then(|id| id.split_once('.')?.1.parse::<u64>().ok());
        assert!(offset >= Some(1), "{id}");
    });
}
