//! The types that the value of a header line can have.

use jackfield_proto::http1::{FieldError, Fields};
use std::borrow::Cow;
use std::io::Write;

/// What the value of a header line can be given as: text, bytes, or an integer, which is written in decimal digits.
///
/// One rule holds for all of them: a line that can't be written as it is, because its name is no token, its value has a
/// line break or another control character, the server writes the field itself, or it stands only once and is there
/// already, is neither repaired nor left out. [`ResponseBuilder`](crate::ResponseBuilder) answers 500 in place of the
/// answer and returns the error; [`Upgrade::header`](crate::Upgrade::header) returns the error and adds nothing.
///
/// It is implemented for these types only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the value of a header",
    note = "it is text or bytes: of a number give `value.to_string()`"
)]
pub trait HeaderValue: sealed::Sealed {}

pub(crate) mod sealed {
    use super::{FieldError, Fields};

    /// Implemented by what a value can be given as.
    pub trait Sealed {
        /// Adds the line, checked.
        fn push_to(self, fields: &mut Fields, name: &str) -> Result<(), FieldError>;
    }
}

macro_rules! bytes {
    ($($type:ty)*) => {
        $(
            impl HeaderValue for $type {}

            impl sealed::Sealed for $type {
                fn push_to(self, fields: &mut Fields, name: &str) -> Result<(), FieldError> {
                    fields.push(name, self)
                }
            }
        )*
    };
}

macro_rules! integers {
    ($($type:ty)*) => {
        $(
            impl HeaderValue for $type {}

            impl sealed::Sealed for $type {
                fn push_to(self, fields: &mut Fields, name: &str) -> Result<(), FieldError> {
                    let mut digits = [0; DIGITS_MAX];
                    let mut rest = &mut digits[..];
                    // There is room for the longest.
                    let _ = write!(rest, "{self}");
                    let unused = rest.len();
                    fields.push(name, &digits[..DIGITS_MAX - unused])
                }
            }
        )*
    };
}

/// The length of the smallest number of 64 bits, with its sign.
const DIGITS_MAX: usize = 20;

bytes! { &str &String String &[u8] &Vec<u8> Vec<u8> }
integers! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize }

impl<const N: usize> HeaderValue for &[u8; N] {}

impl<const N: usize> sealed::Sealed for &[u8; N] {
    fn push_to(self, fields: &mut Fields, name: &str) -> Result<(), FieldError> {
        fields.push(name, self)
    }
}

impl HeaderValue for Cow<'_, str> {}

impl sealed::Sealed for Cow<'_, str> {
    fn push_to(self, fields: &mut Fields, name: &str) -> Result<(), FieldError> {
        fields.push(name, self.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Sealed;
    use super::*;

    #[track_caller]
    fn check(value: impl HeaderValue, line: &str) {
        let mut fields = Fields::new();
        assert_eq!(value.push_to(&mut fields, "X"), Ok(()));
        assert_eq!(fields.as_bytes(), format!("X: {line}\r\n").as_bytes());
    }

    #[test]
    fn text_bytes_and_integers() {
        let owned = String::from("text");
        check("text", "text");
        check(&owned, "text");
        check(owned.as_bytes().to_vec(), "text");
        check(owned.as_bytes(), "text");
        check(b"text", "text");
        check(Cow::Borrowed("text"), "text");
        check(owned, "text");
        check(7, "7");
        check(0_usize, "0");
        check(u64::MAX, "18446744073709551615");
        check(i64::MIN, "-9223372036854775808");
    }

    #[test]
    fn a_header_that_cant_be_written_is_an_error() {
        let mut fields = Fields::new();
        for (name, value, error) in [
            ("X", "a\r\nEvil: 1", FieldError::Value),
            ("X:", "a", FieldError::Name),
            ("Date", "a", FieldError::Reserved),
        ] {
            assert_eq!(value.push_to(&mut fields, name), Err(error), "{name}: {value}");
        }
        assert_eq!(7_u8.push_to(&mut fields, "Content-Length"), Err(FieldError::Reserved));
        assert!(fields.is_empty());
    }
}
