//! What is spoken at a listener.

use super::Listener;
use crate::config::speaks::{LF, Speaks};

impl Listener {
    /// Your own protocol, in bytes: `on_data`. To give more than one of `raw`, `lines`, `lines_until` and `status` is a mistake
    /// that `bind` reports.
    #[must_use]
    #[doc(alias = "Proto")]
    pub fn raw(self) -> Self {
        self.speak(Speaks::Raw, "raw")
    }

    /// Your own protocol, in lines: `on_line`. They end with LF or CR LF.
    #[must_use]
    pub fn lines(mut self) -> Self {
        self.delimiter = LF;
        self.speak(Speaks::Lines, "lines")
    }

    /// The same with lines that end with another byte, such as NUL. The line that `on_line` gets does not contain it,
    /// and the other bytes of a line are not checked.
    ///
    /// ```
    /// use jackfield::Listener;
    ///
    /// let listener = Listener::tcp("127.0.0.1:0").lines_until(0);
    /// ```
    #[doc(alias = "LineEnd")]
    #[must_use]
    pub fn lines_until(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self.speak(Speaks::Lines, "lines_until")
    }

    /// Serves `/metrics`, as [`Metrics::prometheus`](crate::Metrics::prometheus) writes them, and `/health`, which is 200 or,
    /// while the server drains, 503; all other paths are 404. Its connections have no client. They are admitted even while a
    /// reactor is overloaded or the server is full: at most 64 of them, or fewer if its own `connections_max` is lower. No
    /// [`Authenticator`](crate::Authenticator) is asked, and [`ServerBuilder::allowed_hosts`](crate::ServerBuilder::allowed_hosts)
    /// does not apply, so bind it to an address that only your monitoring can reach. The same pages on the other listeners are
    /// [`ServerBuilder::status_paths`](crate::ServerBuilder::status_paths).
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let server = Server::builder()
    ///     .listen("127.0.0.1:0")
    ///     .listen(Listener::tcp("127.0.0.1:0").status())
    ///     .bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn status(mut self) -> Self {
        self.is_status = true;
        self.speak(Speaks::Http, "status")
    }

    fn speak(mut self, speaks: Speaks, name: &'static str) -> Self {
        self.speaks = speaks;
        if !self.spoken.contains(&name) {
            self.spoken.push(name);
        }
        self
    }

    /// The first bytes that every new connection gets, on a listener for your own protocol. Default: none.
    #[doc(alias = "Banner")]
    #[must_use]
    pub fn banner(mut self, banner: impl Into<Vec<u8>>) -> Self {
        self.banner = banner.into();
        self
    }

    /// The bytes that a new connection gets when the server or the listener is full, when the reactor is overloaded, and when the
    /// factory or [`Listener::refuse_if`] says [`Refuse::Busy`](crate::Refuse::Busy), on a listener for your own protocol; HTTP
    /// says 503. Connections that a limit by address or a shutdown refuses get nothing, and neither do refused connections over
    /// TLS, except those of the factory. Default: nothing.
    #[doc(alias = "BannerTooBusy")]
    #[must_use]
    pub fn busy_banner(mut self, banner: impl Into<Vec<u8>>) -> Self {
        self.busy_banner = banner.into();
        self
    }
}
