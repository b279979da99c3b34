//! Where the showcase says that it can be reached.

#[path = "../../showcase/addresses.rs"]
mod shown;

use crate::process::TempDir;
use std::net::SocketAddr;
use std::path::Path;

#[test]
fn the_showcase_names_an_address_that_a_browser_can_open() {
    const LAN: Option<&str> = Some("192.168.1.7");
    for (listens, own, network, here) in [
        ("127.0.0.1:8080", LAN, None, "127.0.0.1:8080"),
        ("[::1]:8080", LAN, None, "[::1]:8080"),
        ("192.168.1.9:80", LAN, Some("192.168.1.9:80"), "192.168.1.9:80"),
        ("0.0.0.0:8080", LAN, Some("192.168.1.7:8080"), "127.0.0.1:8080"),
        ("[::]:8080", LAN, Some("192.168.1.7:8080"), "[::1]:8080"),
        // Without a route nobody else can reach it.
        ("0.0.0.0:8080", None, None, "127.0.0.1:8080"),
        ("[::]:8080", None, None, "[::1]:8080"),
        ("0.0.0.0:8080", Some("127.0.0.1"), None, "127.0.0.1:8080"),
    ] {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found = shown::in_the_network(addr(listens), || own.map(|own| own.parse().unwrap()));
        assert_eq!(found, network.map(addr), "{listens}");
        assert_eq!(shown::reached(addr(listens)), addr(here), "{listens}");
    }
    // With a route or without: never an address that leads nowhere.
    assert!(shown::own().is_none_or(|own| !own.is_unspecified()));
}

#[test]
fn i425_the_address_of_a_container_is_not_shown() {
    for (mark, is_container) in [(".dockerenv", true), ("run/.containerenv", true), ("run/other", false)] {
        let root = TempDir::new("container");
        std::fs::create_dir(root.path().join("run")).unwrap();
        root.write(mark, "");
        assert_eq!(shown::is_container(root.path()), is_container, "{mark}");
    }
    assert!(!shown::is_container(Path::new("/")) || shown::own().is_none());
}
