//! The versions of HTTP that the machines speak.

/// The supported versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0: no chunked coding, and the connection closes unless both sides say otherwise.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl Version {
    #[inline(always)]
    pub(crate) const fn of_minor(minor: u8) -> Self {
        if minor == 0 { Self::Http10 } else { Self::Http11 }
    }
}
