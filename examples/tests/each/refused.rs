//! Command lines that examples refuse: with one message, which says what is wrong and what helps, with exit code 2, and
//! before anything has begun.

use crate::process::{Example, TempDir, binary};
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts an example as if no other program were installed. Its errors go into the file that comes first.
const SCRIPT: &str = r#"PATH=/nowhere errors=$1; shift; exec "$0" "$@" 2>"$errors""#;

/// What an example says when it refuses. It prints nothing else.
#[track_caller]
fn refused(name: &str, options: &[&str]) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let dir = TempDir::new(&format!("refused-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let (program, errors) = (binary(name), dir.path().join("errors"));
    let args = [Path::new("-c"), SCRIPT.as_ref(), &program, &errors];
    let example = Example::of("sh".as_ref(), args.into_iter().chain(options.iter().map(Path::new)));
    let status = example.wait();
    let said = fs::read_to_string(errors).unwrap();
    assert_eq!(status.code(), Some(2), "{name} {options:?}: {said}");
    said
}

#[track_caller]
pub(crate) fn check(name: &str, options: &[&str], said: &str) {
    let found = refused(name, options);
    assert!(found.contains(said), "{name} {options:?} says {found}");
    assert!(!found.contains("code: ") && !found.contains("Error"), "for programmers only: {found}");
}

#[test]
fn i420_a_wrong_command_line_is_explained() {
    for (name, options, said) in [
        (
            "hello",
            &["--listen", "127.0.0.1:99999"][..],
            "`--listen 127.0.0.1:99999`: not an address, such as",
        ),
        ("hello", &["--listen", "127.0.0.1:http"], "`--listen 127.0.0.1:http`: not an address, such as"),
        ("hello", &["--listen", ":8080"], "`--listen :8080`: not an address, such as"),
        ("hello", &["--listen", "::1:8080"], "`--listen ::1:8080`: not an address, such as"),
        ("chat", &["--listen", "127.0.0.1:0", "--reactors", "0"], "reactors"),
        ("testbed", &["--listen", "127.0.0.1:0", "--broadcast=1"], "`--broadcast` takes no value"),
        ("files", &["--root", "nowhere"], "`--root nowhere`: No such file or directory"),
        ("showcase", &["--broker", "nonsense"], "`--broker nonsense`: not the address of a Redis server"),
        ("cluster", &["--broker", "nonsense"], "`--broker nonsense`: not the address of a Redis server"),
        ("testbed", &["--broker", "nonsense"], "`--broker nonsense`: not the address of a Redis server"),
    ] {
        check(name, options, said);
    }
}

/// Each of them with an option for its address, and others that it needs.
#[test]
fn i420_an_address_that_is_taken_is_named_and_the_hint_says_what_helps() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().to_string();
    let free = "127.0.0.1:0";
    for (name, options) in [
        ("hello", &["--listen", &taken][..]),
        ("showcase", &["--listen", &taken]),
        ("rest", &["--listen", &taken]),
        ("metrics", &["--listen", free, "--status", &taken]),
        ("banner", &["--desk", free, "--shout", &taken, "--http", free]),
    ] {
        check(name, options, &format!("can't listen at {taken}: "));
        check(name, options, "with port 0, as in `--listen 127.0.0.1:0`, the system chooses a free one");
    }
}

#[test]
fn i421_tls_reload_writes_nothing_before_it_has_its_address() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().to_string();
    let dir = TempDir::new("tls-taken");
    let new = dir.path().join("new");
    check(
        "tls_reload",
        &["--listen", &taken, "--dir", new.to_str().unwrap()],
        &format!("can't listen at {taken}: "),
    );
    assert!(!new.exists());
}

#[test]
fn i421_tls_reload_writes_over_no_file() {
    let dir = TempDir::new("tls-theirs");
    let theirs = dir.write("localhost.key", "mine");
    let at = dir.path().to_str().unwrap();
    check("tls_reload", &["--listen", "127.0.0.1:0", "--dir", at], &format!("`--dir {at}`: "));
    assert_eq!(fs::read_to_string(theirs).unwrap(), "mine");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn i421_tls_reload_starts_again_with_what_it_has_made() {
    let dir = TempDir::new("tls-again");
    let options = ["--dir", dir.path().to_str().unwrap()];
    let read = || fs::read_to_string(dir.path().join("ca.pem")).unwrap();
    drop(Example::start("tls_reload", &options));
    let made = read();
    drop(Example::start("tls_reload", &options));
    assert_eq!(read(), made);
}

#[test]
fn i422_upload_needs_a_folder_that_it_can_write_to() {
    let dir = TempDir::new("upload-file");
    let file = dir.write("file", "");
    for folder in ["/nowhere", file.to_str().unwrap()] {
        let options = ["--listen", "127.0.0.1:0", "--folder", folder];
        check("upload", &options, "`--folder`: no file can be made there: ");
        check("upload", &options, folder);
    }
}

#[test]
fn i423_an_example_with_two_addresses_has_both_before_it_announces_one() {
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let _taken = UdpSocket::bind(&datagrams).unwrap();
    let options = ["--listen", "127.0.0.1:0", "--datagrams", &*datagrams];
    check("embedded_loop", &options, &format!("`--datagrams {datagrams}`: "));

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().to_string();
    // That no Redis can be started here is not noticed: it comes later.
    let options = ["--listen", "127.0.0.1:0", "--second", &*taken];
    check("cluster", &options, &format!("can't listen at {taken}: "));
    let options = ["--listen", "127.0.0.1:0", "--second", "127.0.0.1:0"];
    check("cluster", &options, "install it, or give one with `--broker URL`");
}

#[test]
fn i424_testbed_ignores_no_certificate() {
    let pair = ["--cert", "nowhere.pem", "--key", "nowhere.pem"];
    let plain = |more: &[&'static str]| [&["--listen", "127.0.0.1:0"], more].concat();
    let with_tls = |more: &[&'static str]| [&["--tls", "127.0.0.1:0"], more].concat();
    for (options, said) in [
        (
            with_tls(&["--cert", "a.example=cert.pem"]),
            "`--cert a.example=cert.pem`: not NAME=CERT.pem,KEY.pem",
        ),
        (with_tls(&["--cert", "=cert.pem,key.pem"]), "`--cert =cert.pem,key.pem`: not NAME=CERT.pem,KEY.pem"),
        (plain(&pair), "`--cert` and `--key` are for `--tls ADDR`"),
        (plain(&["--key", "nowhere.pem"]), "`--cert` and `--key` are for `--tls ADDR`"),
        (plain(&["--cert", "a.example=cert.pem,key.pem"]), "`--cert` and `--key` are for `--tls ADDR`"),
        (with_tls(&[]), "`--tls` needs `--cert` and `--key`"),
        (with_tls(&["--key", "nowhere.pem"]), "`--tls` needs `--cert` and `--key`"),
        (with_tls(&pair), "nowhere.pem"),
    ] {
        check("testbed", &options, said);
    }
}
