//! Reports certificates that expire soon.

use crate::client::{Reactor, Tick};
use crate::shared::{ExpiringCertificate, Handle, Settings};
use std::sync::Arc;
use std::time::Duration;

/// The interval of the checks.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Checks all certificates at the start, and then every day. One reactor does it for all.
pub(super) fn watch(reactor: usize, handle: &Handle, settings: &Arc<Settings>) -> Option<Tick> {
    if reactor != 0 || settings.expiry_days == 0 {
        return None;
    }
    let (handle, settings) = (handle.clone(), settings.clone());
    Some(Tick::from_now(DAY, move |reactor: &mut Reactor<'_>| {
        let now = settings.clock.since_epoch(reactor.now());
        report(&handle, &settings, now.as_secs() as i64);
    }))
}

fn report(handle: &Handle, settings: &Settings, now: i64) {
    for (listener, host, expires_at) in handle.certificate_expiries(settings) {
        let days_left = (expires_at - now).div_euclid(DAY.as_secs() as i64);
        if days_left <= settings.expiry_days.into() {
            settings.observer.on_certificate_expiring(&ExpiringCertificate { listener, host, days_left });
        }
    }
}
