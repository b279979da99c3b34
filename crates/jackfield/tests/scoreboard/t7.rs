//! T7 of docs/features.md: the watch on certificates that come to their end.

use crate::tls::Identity;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{Client, ExpiringCertificate, Host, Listener, Observer};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Nobody;

impl Client for Nobody {}

/// Keeps what is reported.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(usize, String, i64)>>>);

impl Observer for Told {
    fn on_certificate_expiring(&self, expiring: &ExpiringCertificate) {
        let ExpiringCertificate { listener, host, days_left, .. } = expiring;
        self.0.lock().unwrap().push((*listener, host.clone(), *days_left));
    }
}

impl Told {
    fn take(&self) -> Vec<(usize, String, i64)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The day on which a certificate ends; the server's clock begins at the first of January 2026.
type Day = (i32, u8, u8);

/// A host whose certificate ends when this day begins, as it is set at the time when it is asked for.
fn host(host: Host, ends: &Arc<Mutex<Day>>) -> Host {
    let ends = ends.clone();
    host.certificate_from(move || {
        let (year, month, day) = *ends.lock().unwrap();
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let (chain, key) = Identity::with_params(&params, &rcgen::PKCS_ECDSA_P256_SHA256).pem();
        Ok((chain.into_bytes(), key.into_bytes()))
    })
}

#[test]
fn t7_a_certificate_that_comes_to_its_end_is_reported_once_a_day() {
    let [past, soon, later] =
        [(2025, 12, 31), (2026, 1, 21), (2026, 2, 2)].map(|day| Arc::new(Mutex::new(day)));
    let told = Told::default();
    let listeners = vec![
        Listener::tcp("in memory").host(host(Host::new("later.example"), &later)),
        Listener::tcp("in memory")
            .host(host(Host::new("soon.example").name("*.soon.example"), &soon))
            .host(host(Host::fallback(), &past)),
    ];
    let options = TestOptions { listeners, observer: Arc::new(told.clone()), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Nobody);
    let row = |listener, host: &str, days| (listener, host.to_owned(), days);
    server.run();
    assert_eq!(told.take(), [row(1, "soon.example", 20), row(1, "the fallback", -1)]);
    server.advance(DAY - Duration::from_millis(1));
    assert!(told.take().is_empty());
    server.advance(Duration::from_millis(1));
    assert_eq!(told.take(), [row(1, "soon.example", 19), row(1, "the fallback", -2)]);
    // Thirty days before, and not sooner.
    server.advance(DAY);
    let expected = [row(0, "later.example", 30), row(1, "soon.example", 18), row(1, "the fallback", -3)];
    assert_eq!(told.take(), expected);
    // What is renewed is not reported any more.
    *soon.lock().unwrap() = (2027, 1, 1);
    *past.lock().unwrap() = (2027, 1, 1);
    server.handle().reload_tls().unwrap();
    server.advance(DAY);
    assert_eq!(told.take(), [row(0, "later.example", 29)]);
}

#[test]
fn t7_how_many_days_is_an_option_and_zero_is_never() {
    let ends = Arc::new(Mutex::new((2026, 1, 21)));
    for (expiry_days, expected) in [(0, 0), (19, 0), (20, 1)] {
        let told = Told::default();
        let listeners = vec![Listener::tcp("in memory").host(host(Host::new("a.example"), &ends))];
        let options = TestOptions {
            listeners,
            observer: Arc::new(told.clone()),
            expiry_days,
            ..TestOptions::default()
        };
        let mut server = TestServer::with_options(options, |_peer| Nobody);
        server.run();
        assert_eq!(told.take().len(), expected, "{expiry_days} days");
    }
}
