//! The body of an answer.

use std::borrow::Cow;
use std::sync::Arc;

/// The body of an answer: borrowed, owned, or shared with other answers.
///
/// A large borrowed body is written directly, and only the part that the kernel does not take at once is copied. An
/// owned or shared body is never copied.
///
/// Bytes that wait for a slow reader count towards [`Limits::memory_bytes_max`](crate::Limits): an owned body counts
/// whole until it is written, a shared body only with its reference, because its bytes belong to your code.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Body<'m> {
    /// Borrowed for the time of the call.
    Borrowed(&'m [u8]),
    /// Owned.
    Owned(Vec<u8>),
    /// Shared: a slow reader costs only a reference.
    Shared(Arc<[u8]>),
}

impl Body<'_> {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Borrowed(bytes) => bytes.len(),
            Self::Owned(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// The same body without a borrow: a borrowed one is copied.
    #[must_use]
    pub fn into_owned(self) -> Body<'static> {
        match self {
            Self::Borrowed(bytes) => Body::Owned(bytes.to_vec()),
            Self::Owned(bytes) => Body::Owned(bytes),
            Self::Shared(bytes) => Body::Shared(bytes),
        }
    }

    /// Bytes that it owns on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Borrowed(_) | Self::Shared(_) => 0,
            Self::Owned(bytes) => bytes.capacity(),
        }
    }

    /// True if there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'m> From<&'m str> for Body<'m> {
    fn from(text: &'m str) -> Self {
        Self::Borrowed(text.as_bytes())
    }
}

impl<'m> From<&'m [u8]> for Body<'m> {
    fn from(bytes: &'m [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<'m, const N: usize> From<&'m [u8; N]> for Body<'m> {
    fn from(bytes: &'m [u8; N]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<'m> From<&'m String> for Body<'m> {
    fn from(text: &'m String) -> Self {
        Self::Borrowed(text.as_bytes())
    }
}

impl<'m> From<&'m Vec<u8>> for Body<'m> {
    fn from(bytes: &'m Vec<u8>) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<String> for Body<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text.into_bytes())
    }
}

impl From<Vec<u8>> for Body<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl From<Arc<[u8]>> for Body<'_> {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Shared(bytes)
    }
}

impl<'m> From<Cow<'m, str>> for Body<'m> {
    fn from(text: Cow<'m, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}
