//! A request that a proxy passes on (RFC 9110 section 7.6).

use super::{ClientMachine, Fields, Request, RequestBody, RequestError, RequestToSend, Version};
use core::net::IpAddr;

/// What a proxy adds to a request that it passes on.
#[derive(Clone, Copy, Debug)]
pub struct Via<'m> {
    /// The name of the proxy in the field `Via`, such as its host name.
    pub name: &'m str,
    /// The address of the peer that sent the request, for `X-Forwarded-For`.
    pub client: IpAddr,
    /// The host for requests that name none, as HTTP/1.0 allows.
    pub host: &'m str,
}

impl ClientMachine {
    /// Writes the head of a request that another peer has sent: its method, target and host, its fields without those of
    /// one hop ([`HeaderIter::end_to_end`](super::HeaderIter::end_to_end)), and what the proxy adds. If it has a body, that
    /// follows as after [`encode_request`](Self::encode_request), with its length or in chunks. The `Max-Forwards` of `OPTIONS` and
    /// `TRACE` is counted down (RFC 9110 section 7.6.2).
    ///
    /// # Errors
    ///
    /// As [`encode_request`](Self::encode_request). And [`RequestError::Field`]: a field can't be written, for example
    /// because it was given twice. [`RequestError::LastHop`]: `Max-Forwards` is 0. Nothing is written then.
    pub fn encode_forwarded(
        &mut self,
        request: &Request<'_>,
        via: &Via<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let fields = forwarded(request, via)?;
        let length = request.header_str("content-length").and_then(|length| length.parse().ok());
        let body = match length {
            Some(bytes) => RequestBody::Length(bytes),
            None if request.has_body() => RequestBody::Chunked,
            None => RequestBody::None,
        };
        let (method, target, host) = (request.method(), request.target(), request.host().unwrap_or(via.host));
        self.encode_request(&RequestToSend { method, target, host, fields: &fields }, body, out)
    }
}

fn forwarded(request: &Request<'_>, via: &Via<'_>) -> Result<Fields, RequestError> {
    let mut fields = Fields::new();
    let mut push = |name: &str, value: &[u8]| fields.push(name, value).map_err(|_| RequestError::Field);
    let is_counted = matches!(request.method(), "OPTIONS" | "TRACE");
    for (name, value) in request.headers().end_to_end() {
        if is_counted && name.eq_ignore_ascii_case("Max-Forwards") {
            push(name, forwards_left(value)?.to_string().as_bytes())?;
        } else {
            push(name, value)?;
        }
    }
    let version = if request.version() == Version::Http10 { "1.0" } else { "1.1" };
    push("Via", format!("{version} {}", via.name).as_bytes())?;
    push("X-Forwarded-For", via.client.to_string().as_bytes())?;
    Ok(fields)
}

/// How often a request with this `Max-Forwards` may be forwarded behind this time.
fn forwards_left(max: &[u8]) -> Result<u64, RequestError> {
    if max.is_empty() || !max.iter().all(u8::is_ascii_digit) {
        return Err(RequestError::Field);
    }
    // A number that is too large becomes the largest one, which nobody reaches.
    let more = |left: u64, digit: &u8| left.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    max.iter().fold(0, more).checked_sub(1).ok_or(RequestError::LastHop)
}
