//! A real Redis over TLS, with a certificate of its own and a password.
#![cfg(unix)]

#[path = "../../jackfield-reactor/tests/common/identity.rs"]
mod identity;
mod support;

use identity::Identity;
use jackfield::History;
use jackfield_redis::Redis;
use std::net::TcpListener;
use std::{env, fs, process};
use support::reader::data;
use support::{Instance, Site, skip, wait};

#[test]
fn k2_a_redis_is_reached_over_tls_with_a_password() {
    let identity = Identity::new();
    let (pem, _) = identity.pem();
    let folder = env::temp_dir().join(format!("jackfield-redis-tls-{}", process::id()));
    let (cert, key) = identity.files_in(&folder);
    if !skip::has_redis() {
        return;
    }
    // Redis can't choose a port itself, and one that was free a moment ago may be taken again.
    let start = |_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
        let secured = ["--tls-port", &port, "--tls-cert-file", cert, "--tls-key-file", key];
        let options = ["--requirepass", "right", "--tls-auth-clients", "no"];
        Some((Instance::try_start_with(&[&secured[..], &options].concat())?, port))
    };
    let (redis, port) = (0..10).find_map(start).expect("a port is free");
    let address = format!("rediss://:right@localhost:{port}");
    let secured = Redis::with_root_certificates(&address, pem.as_bytes()).unwrap();
    let mut secured = Site::connected(secured, History::new(100));
    let plain = Redis::new(&format!("{}?pass=right", redis.address())).unwrap();
    let mut plain = Site::connected(plain, History::new(100));
    let mut reader = secured.read_from("begin");
    plain.publish("in plain");
    secured.take_until(&mut reader, "in plain");
    let mut reader = plain.read_from("begin again");
    secured.publish("encrypted");
    assert_eq!(data(&plain.take_until(&mut reader, "encrypted")).last(), Some(&"encrypted"));
    // The system trusts no such certificate, and a wrong password is one over TLS too.
    let wrong = Redis::with_root_certificates(&address.replace("right", "wrong"), pem.as_bytes()).unwrap();
    for wrong in [Redis::new(&address).unwrap(), wrong] {
        let site = Site::new(wrong, History::new(100));
        wait(|| site.told.has("Down"));
        assert!(!site.told.has("Up"), "{:?}", site.told.all());
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn addresses_and_certificates_that_are_none_are_refused() {
    assert!(Redis::with_root_certificates("redis://127.0.0.1", b"").is_err(), "it is no address of TLS");
    assert!(Redis::with_root_certificates("nonsense", b"").is_err());
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(Redis::with_root_certificates("rediss://127.0.0.1", broken).is_err());
    assert!(Redis::new("rediss://127.0.0.1").is_ok());
}
