//! The example `tls_reload`, with curl.

use super::secure_curl::{secure_curl, until};
use crate::identity::Identity;
use crate::process::{Example, TempDir};

#[test]
fn tls_reload_has_two_hosts_and_reads_certificates_again() {
    let dir = TempDir::new("tls-reload");
    let at = dir.path();
    let (example, addr) = Example::start("tls_reload", &["--dir", at.to_str().unwrap()]);
    let file = |name: &str| at.join(name);
    let ca = file("ca.pem");
    let Some(page) = secure_curl("localhost", addr, &ca, &[]) else { return };
    assert!(page.contains("to localhost, a certificate of yours: false"), "{page}");
    let [certificate, key] = ["client.pem", "client.key"].map(|name| file(name).to_str().unwrap().to_owned());
    let own = ["--cert", &*certificate, "--key", &*key];
    let page = secure_curl("staff.localhost", addr, &ca, &own).unwrap();
    assert!(page.contains("to staff.localhost, a certificate of yours: true"), "{page}");
    assert_eq!(secure_curl("staff.localhost", addr, &ca, &[]).unwrap(), "");
    // Half of a pair changes nothing, the whole one does.
    let (chain, key) = Identity::new().pem();
    dir.write("localhost.pem", &chain);
    example.signal("HUP");
    let new = dir.write("new.pem", &chain);
    assert!(secure_curl("localhost", addr, &ca, &[]).unwrap().contains("to localhost"));
    dir.write("localhost.key", &key);
    example.signal("HUP");
    until(|| secure_curl("localhost", addr, &new, &[]).unwrap().contains("to localhost"));
    assert_eq!(secure_curl("localhost", addr, &ca, &[]).unwrap(), "");
}
