//! The values of options, the same on the command line and in a plan's file.

use crate::base::units::parse_size;
use crate::bench::fanout::MESSAGE_BYTES_MIN;
use crate::bench::sse::PUBLICATION_BYTES_MIN;

/// The default number of connections.
pub(super) const CONNECTIONS: u32 = 64;
pub(super) const CONNECTIONS_MAX: u32 = 1_000_000;
pub(super) const THREADS_MAX: u16 = 256;
/// Operations in flight on a connection.
pub(super) const PIPELINE_MAX: u32 = 65_536;

pub(super) fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        Ok(text.to_owned())
    } else {
        Err("a path begins with `/`, and has visible ASCII characters only and no `#`".into())
    }
}

pub(super) fn parse_event_size(text: &str) -> Result<usize, String> {
    parse_size_from(PUBLICATION_BYTES_MIN, text)
}

pub(super) fn parse_message_size(text: &str) -> Result<usize, String> {
    parse_size_from(MESSAGE_BYTES_MIN, text)
}

pub(super) fn parse_block_size(text: &str) -> Result<usize, String> {
    parse_size_from(1, text)
}

fn parse_size_from(least: usize, text: &str) -> Result<usize, String> {
    let size = parse_size(text)?;
    if size >= least { Ok(size) } else { Err(format!("the size must be at least {least}")) }
}

pub(super) fn parse_method(text: &str) -> Result<String, String> {
    match parse_token(text) {
        Ok(method) if method != "CONNECT" => Ok(method),
        Ok(_) => Err("CONNECT can't be sent again and again".into()),
        Err(why) => Err(why),
    }
}

/// An HTTP token (RFC 9110, section 5.6.2).
pub(super) fn parse_token(text: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` must be letters, digits and !#$%&'*+-.^_`|~ only"))
    }
}

pub(super) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or("a header field is a name, a colon and a value, as in `Accept: */*`")?;
    let (name, value) = (parse_token(name)?, value.trim());
    if OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
        return Err(format!("`{name}` is written by this tool itself"));
    }
    if value.bytes().all(|byte| byte == b'\t' || byte >= b' ' && byte != 0x7f) {
        Ok((name, value.to_owned()))
    } else {
        Err("the value must be one line".into())
    }
}

/// Fields that other options set.
const OWN_FIELDS: [&str; 6] = [
    "Content-Length",
    "Transfer-Encoding",
    "Upgrade",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
];
