//! Options that would have no effect, or a bad one: `bind` reports them.

use crate::tls;
use jackfield::{Error, Host, Listener, Server, ServerBuilder};
use tls::Authority;

/// `bind` reports this mistake and no other; `None`: nothing.
#[track_caller]
fn check(builder: ServerBuilder, expected: Option<&str>) {
    let faults = match builder.bind() {
        Ok(_) => Vec::new(),
        Err(Error::Options(faults)) => faults,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(faults.len(), usize::from(expected.is_some()), "{expected:?}: {faults:?}");
    let fault = faults.first().map(String::as_str).unwrap_or_default();
    assert!(fault.contains(expected.unwrap_or_default()), "{expected:?}: {fault}");
}

fn listener() -> Listener {
    Listener::tcp("127.0.0.1:0")
}

/// The first of them was used, and the rules of the second had no effect.
#[test]
fn i352_no_two_hosts_have_the_same_name() {
    let authority = Authority::new("servers");
    let host = |name: &str| authority.host(name);
    let fallback = || {
        let own = authority.issue("fallback.example");
        let pair = (own.chain_pem.into_bytes(), own.key_pem.into_bytes());
        Host::fallback().certificate_from(move || Ok(pair.clone()))
    };
    for (hosts, expected) in [
        (vec![host("a.example"), host("b.example"), fallback()], None),
        (vec![host("*.a.example"), host("b.a.example")], None),
        (vec![host("a.example").name("A.example"), host("*.a.example")], None),
        (vec![host("a.example"), host("b.example").name("a.example")], Some("the name `a.example`")),
        (vec![host("a.example"), host("A.Example")], Some("the name `A.Example`")),
        (vec![host("*.a.example"), host("*.a.example")], Some("the name `*.a.example`")),
        (vec![fallback(), host("a.example"), fallback()], Some("two hosts have no name")),
    ] {
        let listener = hosts.into_iter().fold(listener(), Listener::host);
        check(Server::builder().listen(listener), expected);
    }
}

#[cfg(unix)]
#[test]
fn i436_rights_of_a_file_that_the_server_does_not_make_are_a_mistake() {
    let (mut path, none) =
        (std::env::temp_dir(), Some("makes no file, so `mode` and `owner` have no effect"));
    path.push(format!("jackfield-i436-{}", std::process::id()));
    let passed = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let passed = Listener::from_std_unix(passed);
    std::fs::remove_file(&path).unwrap();
    for (listener, expected) in [
        (listener().mode(0o600), none),
        (listener().owner(None, Some(33)), none),
        (passed.clone(), None),
        (passed.mode(0o600), none),
        (Listener::unix(path).mode(0o600), None),
    ] {
        check(Server::builder().listen(listener), expected);
    }
}

/// A long path took a time that grew faster than its length.
#[test]
fn i355_two_parameters_in_a_segment_are_a_mistake() {
    for (path, expected) in [
        ("/{a}/x{b}y/{*c}", None),
        ("/{a}{b}", Some("`/{a}{b}` has two parameters in one segment")),
        ("/x/{a}-{b}/y", Some("`/x/{a}-{b}/y` has two parameters in one segment")),
    ] {
        let builder = || Server::builder().listen("127.0.0.1:0");
        check(builder().overload_exempt(path), expected);
        check(builder().websocket_paths([path]), expected);
    }
}

#[test]
fn i356_trusted_proxies_that_have_no_effect_are_a_mistake() {
    let trusted = ["10.0.0.0/8"];
    for (listener, expected) in [
        (listener().trusted_proxies(trusted), None),
        (listener().trusted_proxies(trusted).reads_forwarded(), None),
        (listener().reads_forwarded(), Some("has no `trusted_proxies`")),
        (listener().proxy_required(trusted).reads_forwarded(), Some("has no `trusted_proxies`")),
        #[cfg(unix)]
        (Listener::unix("/nowhere/at/all").trusted_proxies(trusted), Some("needs `proxy_required` there")),
    ] {
        check(Server::builder().listen(listener), expected);
    }
    // The socket can't be made, and that is all.
    #[cfg(unix)]
    for required in [true, false] {
        let listener = Listener::unix("/nowhere/at/all");
        let listener =
            if required { listener.proxy_required(trusted).trusted_proxies(trusted) } else { listener };
        let error = Server::builder().listen(listener).bind().unwrap_err();
        assert!(!matches!(error, Error::Options(_)), "{error}");
    }
}
