//! Where the showcase says that it can be reached.

#[path = "../../showcase/addresses.rs"]
mod shown;

use std::net::SocketAddr;

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
