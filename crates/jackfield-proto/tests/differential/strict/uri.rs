//! Where a request goes: the four forms of a target (RFC 9112 section 3.2) out of the grammar of RFC 3986.

use super::{Rule, Stop};

/// Whether this method may have this target.
pub(super) fn check_target(method: &[u8], target: &[u8]) -> Result<(), Stop> {
    if !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(Stop::Refused(Rule::TargetBytes));
    }
    let fits = match target {
        _ if method == b"CONNECT" => is_authority_form(target),
        b"*" => method == b"OPTIONS",
        [b'/', ..] => true,
        _ => return check_absolute(target),
    };
    if fits { Ok(()) } else { Err(Stop::Refused(Rule::TargetForm)) }
}

/// `uri-host ":" port`, with both (RFC 9112 section 3.2.3).
fn is_authority_form(target: &[u8]) -> bool {
    let colon = target.iter().rposition(|byte| *byte == b':');
    colon.is_some_and(|at| at > 0 && at + 1 < target.len()) && is_host_and_port(target)
}

/// `absolute-URI = scheme ":" hier-part [ "?" query ]`.
fn check_absolute(target: &[u8]) -> Result<(), Stop> {
    let form = Stop::Refused(Rule::TargetForm);
    let colon = target.iter().position(|byte| *byte == b':').ok_or(form)?;
    let (scheme, rest) = (&target[..colon], &target[colon + 1..]);
    if !is_scheme(scheme) {
        return Err(form);
    }
    let is_http = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    let Some(rest) = rest.strip_prefix(b"//") else {
        return if is_http { Err(form) } else { Ok(()) };
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if is_http { check_http_authority(&rest[..end]) } else { check_any_authority(&rest[..end]) }
}

/// `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`.
fn is_scheme(text: &[u8]) -> bool {
    let rest_fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(rest_fits)
}

/// No empty host (RFC 9110 section 4.2.1), and no user information (section 4.2.4).
fn check_http_authority(authority: &[u8]) -> Result<(), Stop> {
    if authority.contains(&b'@') {
        return Err(Stop::Refused(Rule::UserInfo));
    }
    if matches!(authority, [] | [b':', ..]) {
        return Err(Stop::Refused(Rule::HostEmpty));
    }
    if is_host_and_port(authority) { Ok(()) } else { Err(Stop::Refused(Rule::HostInvalid)) }
}

/// `[ userinfo "@" ] host [ ":" port ]`.
fn check_any_authority(authority: &[u8]) -> Result<(), Stop> {
    let at = authority.iter().position(|byte| *byte == b'@');
    let (user, host) = at.map_or((&[][..], authority), |at| (&authority[..at], &authority[at + 1..]));
    let is_valid = is_made_of(user, |byte| is_name_byte(byte) || byte == b':') && is_host_and_port(host);
    if is_valid { Ok(()) } else { Err(Stop::Refused(Rule::HostInvalid)) }
}

/// `uri-host [ ":" port ]`, where a host may be empty and a port may have any number of digits, or none.
pub(super) fn is_host_and_port(text: &[u8]) -> bool {
    let (is_host, port) = match text {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == b']').unwrap_or(rest.len());
            (is_address(&rest[..end]) && end < rest.len(), rest.get(end + 1..).unwrap_or_default())
        }
        _ => {
            let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            (is_made_of(&text[..end], is_name_byte), &text[end..])
        }
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_host && is_port
}

/// What stands between brackets: `IPv6address / IPvFuture`.
fn is_address(text: &[u8]) -> bool {
    is_future_address(text) || is_ipv6(text)
}

/// `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`.
pub(crate) fn is_future_address(text: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = text else { return false };
    let dot = rest.iter().position(|byte| *byte == b'.').unwrap_or(0);
    let (version, address) = rest.split_at(dot);
    let is_byte = |byte: &u8| is_name_byte(*byte) || *byte == b':';
    dot > 0 && version.iter().all(u8::is_ascii_hexdigit) && address.len() > 1 && address.iter().all(is_byte)
}

/// Eight groups of up to four digits, the last two perhaps as an IPv4 address; `::` once for one group or more.
fn is_ipv6(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match text.split_once("::") {
        None => groups(text, true) == Some(8),
        Some((before, behind)) => {
            let count = |part: &str, is_last| if part.is_empty() { Some(0) } else { groups(part, is_last) };
            let sum = count(before, false).zip(count(behind, true)).map(|(one, other)| one + other);
            sum.is_some_and(|sum| sum <= 7)
        }
    }
}

/// How many groups there are between colons, if all are groups.
fn groups(text: &str, is_last: bool) -> Option<usize> {
    let parts: Vec<&str> = text.split(':').collect();
    let (last, before) = parts.split_last()?;
    if !before.iter().all(|part| is_group(part)) {
        return None;
    }
    match is_group(last) {
        true => Some(parts.len()),
        false => (is_last && is_ipv4(last)).then_some(parts.len() + 1),
    }
}

fn is_group(text: &str) -> bool {
    matches!(text.len(), 1..=4) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Four numbers up to 255 without leading zeros.
fn is_ipv4(text: &str) -> bool {
    let is_number = |part: &str| {
        matches!(part.len(), 1..=3)
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
            && part.parse::<u8>().is_ok()
    };
    text.split('.').count() == 4 && text.split('.').all(is_number)
}

/// `unreserved / sub-delims`.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Whether all is of one class, percent escapes included.
fn is_made_of(text: &[u8], fits: impl Fn(u8) -> bool) -> bool {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [b'%', ..] => return false,
            [byte, rest @ ..] if fits(*byte) => rest,
            _ => return false,
        }
    }
}

/// Whether a target that was taken has bytes out of the places that RFC 3986 has for them, such as `|` or a percent
/// sign alone. A recipient should refuse them (RFC 9112 section 3.2); browsers send them.
pub(crate) fn has_odd_bytes(target: &str) -> bool {
    // The authority of an absolute target was judged before.
    let behind = |text: &'_ str| text.find(['/', '?']).map_or(text.len(), |at| at);
    let local = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => &rest[behind(rest)..],
        _ => target,
    };
    !is_made_of(local.as_bytes(), |byte| is_name_byte(byte) || b":@/?".contains(&byte))
}
