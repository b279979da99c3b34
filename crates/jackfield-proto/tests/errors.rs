//! Texts of errors: one sentence for each, all different, and an answer that a peer understands.

use jackfield_proto::http1::{self, BodyError, RequestError};
use jackfield_proto::websocket::{
    self, CloseError, EncodeError, HandshakeError, ResponseError, is_valid_close_code,
};
use jackfield_proto::{http1::reason_phrase, sse};
use std::collections::BTreeSet;
use std::error::Error;

/// Checks that each says something of its own that fits after `the peer is to blame: `.
#[track_caller]
fn check(errors: &[&dyn Error]) {
    let texts: BTreeSet<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), errors.len(), "two say the same: {texts:?}");
    for text in texts {
        let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        assert!(is_plain && !text.ends_with('.') && text.contains(' ') && text.trim() == text, "{text:?}");
        let proper_names = ["CONNECT", "Content-Length", "HTTP/1.0", "Sec-WebSocket", "Transfer-Encoding"];
        let begins_small = text.starts_with(|first: char| first.is_ascii_lowercase());
        assert!(begins_small || proper_names.iter().any(|name| text.starts_with(name)), "{text:?}");
    }
}

#[test]
fn http_errors_say_what_is_wrong_and_are_answered_with_a_registered_status() {
    use http1::Error::*;
    let errors = [
        Method,
        MethodTooLong,
        Connect,
        Target,
        TargetTooLong,
        Version,
        VersionUnsupported,
        StatusLine,
        LineEnd,
        FieldName,
        FieldValue,
        HeadTooLarge,
        TooManyHeaders,
        HostMissing,
        HostTwice,
        HostInvalid,
        ContentLength,
        ContentLengthTwice,
        LengthAndCoding,
        TransferEncoding,
        TransferEncodingInHttp10,
        CodingUnsupported,
        Expectation,
        ChunkSize,
        ChunkExtension,
        ChunkLineTooLong,
        ChunkExtensionsTooLong,
        ChunkEnd,
        TrailersTooLarge,
        BodyTooLarge,
        DrainTooLong,
        Unasked,
        TooManyInterim,
        Truncated,
    ];
    check(&errors.each_ref().map(|error| error as &dyn Error));
    for error in errors {
        let status = error.status();
        assert!((400..600).contains(&status) && !reason_phrase(status).is_empty(), "{error}: {status}");
    }
    for only_a_client_meets in [StatusLine, Unasked, TooManyInterim] {
        assert_eq!(only_a_client_meets.status(), 502);
    }
}

#[test]
fn wrong_uses_of_http_are_explained() {
    use http1::FieldError::{Name, Repeated, Reserved, Value};
    check(&[&BodyError::TooLong, &BodyError::TooShort, &BodyError::NotStreaming]);
    check(&[&Name, &Value, &Reserved, &Repeated]);
    check(&[
        &RequestError::Method,
        &RequestError::Target,
        &RequestError::Host,
        &RequestError::Field,
        &RequestError::LastHop,
        &RequestError::Full,
        &RequestError::BodyUnfinished,
        &RequestError::Closing,
    ]);
}

#[test]
fn websocket_errors_say_what_is_wrong_and_close_with_a_code_that_may_be_sent() {
    use websocket::Error::*;
    let errors = [
        ReservedBit,
        UnknownOpcode,
        Unmasked,
        Masked,
        LengthNotMinimal,
        LengthTopBit,
        ControlTooLong,
        ControlFragmented,
        NothingToContinue,
        MessageInsideMessage,
        CloseTooShort,
        CloseCode,
        CloseReasonNotUtf8,
        TextNotUtf8,
        MessageTooLong,
        TooManyFragments,
        Compression,
    ];
    check(&errors.each_ref().map(|error| error as &dyn Error));
    for error in errors {
        assert!(is_valid_close_code(error.close_code()), "{error}");
    }
    check(&[&CloseError::InvalidCode(1006), &CloseError::InvalidCode(0), &CloseError::ReasonWithoutCode]);
}

#[test]
fn handshakes_that_fail_say_why() {
    use HandshakeError::*;
    let errors = [Method, HttpVersion, Host, Upgrade, Connection, Version, Key, Origin, Protocol, Extensions];
    check(&errors.each_ref().map(|error| error as &dyn Error));
    for error in errors {
        assert!((400..500).contains(&error.status()), "the client is to blame: {error}");
    }
    check(&[
        &ResponseError::Status(403),
        &ResponseError::Status(500),
        &ResponseError::Upgrade,
        &ResponseError::Connection,
        &ResponseError::Accept,
        &ResponseError::Protocol,
        &ResponseError::Extensions,
    ]);
    check(&[&EncodeError::Target, &EncodeError::Host, &EncodeError::Protocol, &EncodeError::Field]);
}

#[test]
fn event_streams_that_fail_say_why() {
    check(&[&sse::FieldError::Event, &sse::FieldError::Id, &sse::FieldError::Comment]);
    check(&[&sse::Error::LineTooLong, &sse::Error::EventTooLong]);
}
