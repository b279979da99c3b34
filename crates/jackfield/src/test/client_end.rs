//! A connection of a test client: its bytes, through TLS or not.

use super::core::Core;
#[cfg(feature = "tls")]
use super::tls::TlsClient;
#[cfg(feature = "tls")]
use crate::secure::Secure;
use jackfield_reactor::FarEnd;

/// A connection, and the bytes that have come and were not used.
pub(super) struct ClientEnd {
    core: Core,
    far: FarEnd,
    pub(super) rx: Vec<u8>,
    #[cfg(feature = "tls")]
    secure: Option<Secure>,
}

impl ClientEnd {
    #[cfg(feature = "tls")]
    pub(super) fn open(core: Core, listener: usize, tls: Option<&TlsClient>) -> Self {
        let far = core.connect_to(listener);
        let secure = tls.map(|tls| Secure::new(tls.config.clone(), tls.name.clone()));
        let mut line = Self { core, far, rx: Vec::new(), secure };
        line.send(b"");
        line
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn open(core: Core, listener: usize) -> Self {
        let far = core.connect_to(listener);
        Self { core, far, rx: Vec::new() }
    }

    /// Sends bytes, and runs the server until nothing is left to do now.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            secure.encrypt(bytes);
            return self.pull();
        }
        self.far.send(bytes);
        self.pull();
    }

    /// Runs the server until nothing is left to do now, and takes what has come.
    pub(super) fn pull(&mut self) {
        #[cfg(feature = "tls")]
        if self.secure.is_some() {
            return self.pull_records();
        }
        self.core.run();
        self.rx.append(&mut self.far.take());
    }

    #[cfg(feature = "tls")]
    fn pull_records(&mut self) {
        let Some(secure) = &mut self.secure else { return };
        loop {
            self.far.send(&std::mem::take(&mut secure.records));
            self.core.run();
            match secure.decrypt(&self.far.take()) {
                Ok(mut plain) => self.rx.append(&mut plain),
                Err(error) => panic!("TLS failed: {error}"),
            }
            if !secure.has_records() {
                return;
            }
            // Only what TLS itself sends, such as the end of a handshake.
            secure.encrypt(b"");
        }
    }

    /// True if nothing more will come.
    pub(super) fn is_finished(&self) -> bool {
        self.far.has_server_finished() || self.far.is_reset()
    }

    /// Ends this side in good order.
    pub(super) fn finish(&mut self) {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            secure.send_close_notify();
            self.far.send(&std::mem::take(&mut secure.records));
        }
        self.far.finish();
        self.core.run();
    }

    pub(super) fn reset(&mut self) {
        self.far.reset();
        self.core.run();
    }
}
