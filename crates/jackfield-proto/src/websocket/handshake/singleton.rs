//! Fields that may come only once.

use super::token;

/// The value of a field that may come only once.
#[derive(Clone, Copy, Default)]
pub(super) enum SingletonField<'b> {
    #[default]
    None,
    One(&'b [u8]),
    Many,
}

impl<'b> SingletonField<'b> {
    pub(super) fn add(&mut self, value: &'b [u8]) {
        *self = match self {
            Self::None => Self::One(value),
            Self::One(_) | Self::Many => Self::Many,
        };
    }

    pub(super) fn is_none(self) -> bool {
        matches!(self, Self::None)
    }

    /// The value, if there is exactly one and it is text.
    pub(super) fn text(self) -> Option<&'b str> {
        match self {
            Self::One(value) => token::value_as_str(value),
            Self::None | Self::Many => None,
        }
    }
}
