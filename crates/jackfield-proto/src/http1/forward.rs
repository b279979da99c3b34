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
    /// follows as after [`encode_request`](Self::encode_request), with its length or in chunks.
    ///
    /// # Errors
    ///
    /// As [`encode_request`](Self::encode_request); and [`RequestError::Field`]: a field can't be written, for example
    /// because it was given twice. Nothing is written then.
    pub fn encode_forwarded(
        &mut self,
        request: &Request<'_>,
        via: &Via<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let fields = forwarded(request, via).ok_or(RequestError::Field)?;
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

fn forwarded(request: &Request<'_>, via: &Via<'_>) -> Option<Fields> {
    let mut fields = Fields::new();
    for (name, value) in request.headers().end_to_end() {
        fields.push(name, value).ok()?;
    }
    let version = if request.version() == Version::Http10 { "1.0" } else { "1.1" };
    fields.push("Via", format!("{version} {}", via.name)).ok()?;
    fields.push("X-Forwarded-For", via.client.to_string()).ok()?;
    Some(fields)
}
