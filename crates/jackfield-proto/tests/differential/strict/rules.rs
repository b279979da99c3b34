//! Every reason that the strict reader refuses for, with its place in the RFCs.

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    BareLf,
    BareCr,
    Method,
    RequestLine,
    Version,
    MajorVersion,
    TargetBytes,
    TargetForm,
    UserInfo,
    HostEmpty,
    HostMissing,
    HostTwice,
    HostInvalid,
    Fold,
    NoColon,
    SpaceBeforeColon,
    FieldName,
    NulInValue,
    ControlInValue,
    Length,
    LengthTwice,
    LengthAndCoding,
    CodingInHttp10,
    ChunkedNotLast,
    ChunkedTwice,
    OtherCoding,
    CodingParameter,
    ChunkSize,
    ChunkExtension,
    ChunkEnd,
    StatusLine,
    Unasked,
}

/// Whether who accepts it all the same departs from the RFCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Force {
    /// It must be refused.
    Must,
    /// It should be refused, because it is not the grammar.
    Should,
    /// It may be refused, or repaired in the way the section says.
    May,
}

/// Each rule, its force, the section, and what is refused.
pub(crate) const RULES: [(Rule, Force, &str, &str); 32] = [
    (Rule::BareLf, Force::May, "9112, 2.2", "a line ends in LF without CR"),
    (
        Rule::BareCr,
        Force::May,
        "9112, 2.2",
        "CR without LF behind it, outside of a body; may be read as a space",
    ),
    (Rule::Method, Force::Should, "9112, 3", "the method is no token, or there is none"),
    (Rule::RequestLine, Force::Should, "9112, 3", "not three parts with one space between each"),
    (Rule::Version, Force::Should, "9112, 2.3", "no version, or not of the form `HTTP/` digit, dot, digit"),
    (Rule::MajorVersion, Force::Should, "9110, 15.6.6", "another major version than 1"),
    (Rule::TargetBytes, Force::Should, "9112, 3.2", "`#`, control bytes or bytes beyond ASCII in the target"),
    (
        Rule::TargetForm,
        Force::Should,
        "9112, 3.2",
        "the target has none of the four forms, or one for other methods",
    ),
    (Rule::UserInfo, Force::Should, "9110, 4.2.4", "an `http` target with user information"),
    (Rule::HostEmpty, Force::Must, "9110, 4.2.1", "an `http` target with an empty host"),
    (Rule::HostMissing, Force::Must, "9112, 3.2", "HTTP/1.1 without `Host`"),
    (Rule::HostTwice, Force::Must, "9112, 3.2", "more than one `Host`"),
    (
        Rule::HostInvalid,
        Force::Must,
        "9112, 3.2",
        "`Host`, or the target's authority, is not a host with an optional port",
    ),
    (
        Rule::Fold,
        Force::May,
        "9112, 5.2 and 2.2",
        "a line begins with space: a folded field, or space before the first",
    ),
    (Rule::NoColon, Force::Should, "9112, 5", "a field without a colon"),
    (Rule::SpaceBeforeColon, Force::Must, "9112, 5.1", "space between a field's name and the colon"),
    (Rule::FieldName, Force::Should, "9110, 5.1", "a field's name is no token"),
    (Rule::NulInValue, Force::May, "9110, 5.5", "NUL in a field's value; may be read as a space"),
    (Rule::ControlInValue, Force::May, "9110, 5.5", "another control byte in a field's value; may be kept"),
    (Rule::Length, Force::Must, "9112, 6.3", "`Content-Length` is not a number, or several that disagree"),
    (
        Rule::LengthTwice,
        Force::May,
        "9112, 6.3",
        "`Content-Length` repeated, as lines or as a list, and all agree; may be read as one",
    ),
    (
        Rule::LengthAndCoding,
        Force::May,
        "9112, 6.3",
        "`Content-Length` beside `Transfer-Encoding`; the coding may win",
    ),
    (
        Rule::CodingInHttp10,
        Force::May,
        "9112, 6.1",
        "`Transfer-Encoding` in HTTP/1.0; may be served if the connection closes then",
    ),
    (Rule::ChunkedNotLast, Force::Must, "9112, 6.3", "the last transfer coding is not `chunked`"),
    (Rule::ChunkedTwice, Force::Should, "9112, 6.1", "`chunked` more than once"),
    (
        Rule::OtherCoding,
        Force::Should,
        "9112, 6.1",
        "a transfer coding before `chunked` that nobody here decodes",
    ),
    (Rule::CodingParameter, Force::Should, "9112, 7.1", "`chunked` with a parameter"),
    (Rule::ChunkSize, Force::Should, "9112, 7.1", "a chunk does not begin with hexadecimal digits"),
    (Rule::ChunkExtension, Force::Should, "9112, 7.1.1", "what follows a chunk's size is no extension"),
    (Rule::ChunkEnd, Force::Should, "9112, 7.1", "a chunk's data is not followed by CR LF"),
    (
        Rule::StatusLine,
        Force::Should,
        "9112, 4",
        "a response does not begin with `HTTP/1.`, a digit and a status",
    ),
    (Rule::Unasked, Force::Should, "9112, 9.2", "bytes come behind the answer to the last request"),
];
