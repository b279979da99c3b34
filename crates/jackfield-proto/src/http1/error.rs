//! What a peer did wrong, and how to answer.

use std::fmt;

/// Why bytes were refused. All of these are errors of the peer.
///
/// A server answers with [`status`](Self::status) and closes. `Display` describes the error in a sentence for the log, not
/// for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The method is no token (RFC 9110 section 9.1), so these are not the bytes of an HTTP request.
    Method,
    /// The method has more than [`METHOD_BYTES_MAX`](super::METHOD_BYTES_MAX) bytes.
    MethodTooLong,
    /// `CONNECT`: this server is no tunnel.
    Connect,
    /// The request target has none of the forms of RFC 9112 section 3.2, or bytes outside of visible ASCII.
    Target,
    /// The request target is longer than `target_bytes_max`.
    TargetTooLong,
    /// The start line does not end in `HTTP/` and a version.
    Version,
    /// A version other than 1.0 and 1.1.
    VersionUnsupported,
    /// The status line of a response is malformed.
    StatusLine,
    /// A line ends in something other than CR LF, or more than one empty line comes before a request.
    LineEnd,
    /// A field name is no token, has space before its colon, or the line folds (RFC 9112 section 5.2).
    FieldName,
    /// A control byte stands in a field value.
    FieldValue,
    /// The head is longer than `head_bytes_max`.
    HeadTooLarge,
    /// There are more fields than `headers_max`, in the head or in the trailer section.
    TooManyHeaders,
    /// HTTP/1.1 without `Host`.
    HostMissing,
    /// More than one `Host`.
    HostTwice,
    /// `Host`, or the authority of the target, is not a host with an optional port.
    HostInvalid,
    /// `Content-Length` is not a plain decimal number that fits 64 bits.
    ContentLength,
    /// More than one `Content-Length`, even if they agree.
    ContentLengthTwice,
    /// Both `Content-Length` and `Transfer-Encoding`: the classic way of request smuggling.
    LengthAndCoding,
    /// `Transfer-Encoding` is malformed, or there is more than one.
    TransferEncoding,
    /// `Transfer-Encoding` in HTTP/1.0, which does not know it.
    TransferEncodingInHttp10,
    /// A transfer coding other than `chunked` (RFC 9112 section 6.1).
    CodingUnsupported,
    /// An expectation other than `100-continue`.
    Expectation,
    /// A chunk does not begin with 1 to 16 hexadecimal digits.
    ChunkSize,
    /// What follows a chunk's size is no extension (RFC 9112 section 7.1.1).
    ChunkExtension,
    /// A size line is longer than `chunk_line_bytes_max`.
    ChunkLineTooLong,
    /// The extensions of a body are together longer than `chunk_extension_bytes_max`.
    ChunkExtensionsTooLong,
    /// A chunk's data, or its size line, is not followed by CR LF.
    ChunkEnd,
    /// The trailer section is longer than `trailer_bytes_max`.
    TrailersTooLarge,
    /// The body is longer than the `body_bytes_max` that was given to [`Machine::collect`](super::Machine::collect).
    BodyTooLarge,
    /// After the answer, more bytes of an unwanted body came than `drain_bytes_max`.
    DrainTooLong,
    /// A response came, but no request was outstanding.
    Unasked,
    /// More interim responses to one request than [`INTERIM_MAX`](super::INTERIM_MAX).
    TooManyInterim,
    /// The connection ended within a message.
    Truncated,
}

impl Error {
    /// The status that a server answers with. Errors that only a [`ClientMachine`](super::ClientMachine) finds give 502, as a
    /// gateway would answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::HeadTooLarge | Self::TooManyHeaders | Self::TrailersTooLarge => 431,
            Self::BodyTooLarge | Self::DrainTooLong => 413,
            Self::Expectation => 417,
            Self::Connect | Self::MethodTooLong | Self::CodingUnsupported => 501,
            Self::StatusLine | Self::Unasked | Self::TooManyInterim => 502,
            Self::VersionUnsupported => 505,
            _ => 400,
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Method => "the request does not begin with a method",
            Self::MethodTooLong => "the method is too long to be one",
            Self::Connect => "CONNECT is not served",
            Self::Target => "the request target is malformed",
            Self::TargetTooLong => "the request target is too long",
            Self::Version => "the start line has no HTTP version",
            Self::VersionUnsupported => "the HTTP version is neither 1.0 nor 1.1",
            Self::StatusLine => "the status line is malformed",
            Self::LineEnd => "a line does not end in CR LF",
            Self::FieldName => "a field name is malformed",
            Self::FieldValue => "a field value has a control byte",
            Self::HeadTooLarge => "the head is too large",
            Self::TooManyHeaders => "the head or the trailer section has too many fields",
            Self::HostMissing => "the Host field is missing",
            Self::HostTwice => "there is more than one Host field",
            Self::HostInvalid => "the host is malformed",
            Self::ContentLength => "Content-Length is not a number",
            Self::ContentLengthTwice => "there is more than one Content-Length",
            Self::LengthAndCoding => "Content-Length stands beside Transfer-Encoding",
            Self::TransferEncoding => "Transfer-Encoding is malformed or repeated",
            Self::TransferEncodingInHttp10 => "HTTP/1.0 has no Transfer-Encoding",
            Self::CodingUnsupported => "the transfer coding is not chunked",
            Self::Expectation => "the expectation is not 100-continue",
            Self::ChunkSize => "a chunk size is malformed",
            Self::ChunkExtension => "a chunk extension is malformed",
            Self::ChunkLineTooLong => "the size line of a chunk is too long",
            Self::ChunkExtensionsTooLong => "the chunk extensions are too long",
            Self::ChunkEnd => "a chunk does not end in CR LF",
            Self::TrailersTooLarge => "the trailers are too large",
            Self::BodyTooLarge => "the body is too large",
            Self::DrainTooLong => "the rest of an unread body is too long",
            Self::Unasked => "a response came without a request",
            Self::TooManyInterim => "there are too many interim responses",
            Self::Truncated => "the connection ended within a message",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for Error {}
