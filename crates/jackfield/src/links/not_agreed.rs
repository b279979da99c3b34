//! In place of `agreed` without the feature `deflate`: nothing was agreed on.

/// Nothing was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AgreedCompression;

#[expect(clippy::unused_self, reason = "as with the feature")]
impl AgreedCompression {
    pub(crate) const NONE: Self = Self;

    pub(crate) const fn has_window(self, _bits: u8) -> bool {
        false
    }

    pub(crate) const fn has_own(self) -> bool {
        false
    }

    pub(crate) const fn has_peers_own(self) -> bool {
        false
    }
}
