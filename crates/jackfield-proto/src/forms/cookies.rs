//! Cookies that a client sends back (RFC 6265, section 5.4).

/// The cookies in a value of the field `Cookie`. There may be more than one such field: go through all of them.
#[must_use]
pub const fn cookies(field: &[u8]) -> Cookies<'_> {
    Cookies { rest: field }
}

/// Names and values as they were sent. Quotes and escapes are kept: only the server that set the cookie knows what they mean.
/// A piece that has no name, has no `=`, or is not UTF-8 is left out.
#[derive(Clone, Copy, Debug)]
pub struct Cookies<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Cookies<'b> {
    type Item = (&'b str, &'b str);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b';', self.rest).unwrap_or(self.rest.len());
            let (piece, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            if let Some(pair) = pair(piece) {
                return Some(pair);
            }
        }
        None
    }
}

fn pair(piece: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(piece).ok()?.split_once('=')?;
    let [name, value] = [name, value].map(|text| text.trim_matches([' ', '\t']));
    (!name.is_empty()).then_some((name, value))
}
