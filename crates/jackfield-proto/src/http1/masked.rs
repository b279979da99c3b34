//! Secrets that must not be logged: passwords, cookies, tokens.

use std::fmt;

/// A query, or a target with a query, for a log: if the name of a pair suggests a secret, its value is shown as `***`, and so is
/// all that follows up to the next `&`.
///
/// ```
/// use jackfield_proto::http1::MaskedQuery;
///
/// let shown = MaskedQuery("page=2&access_token=abc&Password=x").to_string();
/// assert_eq!(shown, "page=2&access_token=***&Password=***");
/// ```
///
/// A name suggests a secret if it contains one of these, in any case: `auth`, `code`, `key`, `jwt`, `pass`, `pwd`, `secret`,
/// `session`, `sid`, `sig`, `token`. Names are compared as they were sent, not decoded; a name with a `%` in it counts as a
/// secret. This finds the usual names; it is no guarantee.
#[derive(Clone, Copy)]
pub struct MaskedQuery<'q>(pub &'q str);

impl fmt::Display for MaskedQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive('&') {
            let end = if part.ends_with('&') { "&" } else { "" };
            match secret_value(part) {
                Some(begin) => write!(f, "{}{MASK}{end}", &part[..begin])?,
                None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MaskedQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Where the value of a secret begins in what stands before a `&`. A path may have `=` and `&` too, and a query `?`. So what
/// looks like a pair is taken for one, wherever it stands; but the value of a secret may have a `?`, and ends only with the part.
fn secret_value(part: &str) -> Option<usize> {
    let mut begin = 0;
    for piece in part.split_inclusive('?') {
        if let Some((name, _)) = piece.split_once('=').filter(|(name, _)| is_secret_name(name)) {
            return Some(begin + name.len() + 1);
        }
        begin += piece.len();
    }
    None
}

/// Whether the value of a field of this name must not be written down.
pub(super) fn is_secret_field(name: &str) -> bool {
    SECRET_FIELDS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

fn is_secret_name(name: &str) -> bool {
    let has = |secret: &&[u8]| {
        name.as_bytes().windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret))
    };
    name.contains('%') || SECRET_NAMES.iter().any(has)
}

pub(super) const MASK: &str = "***";
const SECRET_FIELDS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"];
const SECRET_NAMES: [&[u8]; 11] =
    [b"auth", b"code", b"key", b"jwt", b"pass", b"pwd", b"secret", b"session", b"sid", b"sig", b"token"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        for (query, shown) in [
            ("", ""),
            ("a=1&b=2", "a=1&b=2"),
            ("a&b=", "a&b="),
            ("token", "token"),
            ("token=x", "token=***"),
            ("/path?token=x&a=?token=y", "/path?token=***&a=?token=***"),
            ("redirect=/cb?token=x", "redirect=/cb?token=***"),
            ("a=b?token=x", "a=b?token=***"),
            ("/data/dt=2026-11-30/x?X-Amz-Signature=x", "/data/dt=2026-11-30/x?X-Amz-Signature=***"),
            ("/a&b?token=x&", "/a&b?token=***&"),
            ("/a??token=x", "/a??token=***"),
            ("http://a/b=c?sid=x", "http://a/b=c?sid=***"),
            ("X-Amz-Signature=x&API_KEY=y&a=b", "X-Amz-Signature=***&API_KEY=***&a=b"),
            ("to%6Ben=x", "to%6Ben=***"),
            ("&&sid=1", "&&sid=***"),
        ] {
            assert_eq!(MaskedQuery(query).to_string(), shown);
        }
    }

    /// The fault: what stood behind a `?` in a secret was shown.
    #[test]
    fn i344_a_secret_may_have_a_question_mark() {
        for (query, shown) in [
            ("password=pa?ssword", "password=***"),
            ("password=pa?ssword&a=b?c", "password=***&a=b?c"),
            ("/p?a=1?b=2&token=x?y=z??&c", "/p?a=1?b=2&token=***&c"),
            ("/p?token=?&token=??&sid=a?", "/p?token=***&token=***&sid=***"),
            ("to=/cb?token=x?y&to=/cb?page=2", "to=/cb?token=***&to=/cb?page=2"),
        ] {
            assert_eq!(MaskedQuery(query).to_string(), shown);
        }
    }
}
