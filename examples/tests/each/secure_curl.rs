//! curl over TLS.

use crate::process::run;
use std::net::SocketAddr;
use std::path::Path;

/// What curl gets over TLS from a host at this address, with these options more. Empty: nothing, or curl is missing.
pub(crate) fn secure_curl(host: &str, addr: SocketAddr, trusted: &Path, options: &[&str]) -> Option<String> {
    let to = format!("{host}:{}", addr.port());
    let (resolve, url) = (format!("{to}:127.0.0.1"), format!("https://{to}/"));
    let mut args = vec!["-s", "--resolve", &resolve, "--cacert", trusted.to_str().unwrap()];
    args.extend(options);
    args.push(&url);
    run("curl", args, "").map(|finished| String::from_utf8(finished.stdout).unwrap())
}

/// Until a reload that was asked for has come about.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it does not come about");
}
