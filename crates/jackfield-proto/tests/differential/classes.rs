//! Every way in which a reader departs from the strict one, with the reason. What fits none of them fails the test.
//!
//! What a reader takes in spite of a rule needs no class: the rule says what it is. It is only listed here that this is
//! known of the reader, and there is no such list of ours.

use crate::compare::{Departure, Kind};
use crate::reading::Seen;
use crate::strict::{Rule, has_odd_bytes, is_future_address};

/// Who is compared with the strict reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reader {
    Ours,
    Hyper,
    HttpParser,
    /// Ours of responses.
    Client,
}

impl Reader {
    /// All.
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Hyper, Self::HttpParser, Self::Client];
    /// Those that read requests.
    pub(crate) const SERVERS: [Self; 3] = [Self::Ours, Self::Hyper, Self::HttpParser];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Hyper => "hyper",
            Self::HttpParser => "http-parser",
            Self::Client => "our client",
        }
    }

    /// Whether it is known that this reader takes what this rule refuses.
    pub(crate) fn is_known_to_take(self, rule: Rule) -> bool {
        match self {
            Self::Ours | Self::Client => false,
            Self::Hyper => HYPER_TAKES.contains(&rule),
            Self::HttpParser => HTTP_PARSER_TAKES.contains(&rule),
        }
    }
}

/// One class of departures.
pub(crate) struct Class {
    pub(crate) reader: Reader,
    pub(crate) name: &'static str,
    /// What the RFCs say.
    pub(crate) source: &'static str,
    pub(crate) why: &'static str,
    fits: fn(&Departure<'_>) -> bool,
}

/// The place in [`CLASSES`] of the class of a departure.
pub(crate) fn class_of(reader: Reader, departure: &Departure<'_>) -> Option<usize> {
    CLASSES.iter().position(|class| class.reader == reader && (class.fits)(departure))
}

/// The classes. The first that fits counts.
pub(crate) const CLASSES: &[Class] = &[
    Class {
        reader: Reader::Ours,
        name: "refused early",
        source: "9112, 2.2",
        why: "refused at the byte that spoils it; the strict reader wants the whole line. No ending makes it sound",
        fits: |it| it.kind == Kind::Earlier && !is_uncountable(it) && !is_beyond_bounds(it),
    },
    Class {
        reader: Reader::Ours,
        name: "refused late",
        source: "9112, 3.2",
        why: "the form of a target is judged when the head is whole. No ending makes ours take it",
        fits: |it| matches!(it.kind, Kind::Later(_)),
    },
    Class {
        reader: Reader::Ours,
        name: "number beyond 64 bits",
        source: "9112, 6.3 and 7.1",
        why: "the grammar knows no largest length and no largest chunk; ours has 64 bits and 16 digits for them, and \
              refuses the rest before it could overflow",
        fits: |it| is_uncountable(it),
    },
    Class {
        reader: Reader::Ours,
        name: "beyond a bound",
        source: "9110, 2.3; 9112, 3 and 5",
        why: "a head, target, number of fields, chunk line or trailer section beyond `Limits`; or a method of more than \
              32 bytes. A recipient has to have such bounds",
        fits: |it| is_beyond_bounds(it) || is_stricter(it, &["MethodTooLong"], |seen| seen.method.len() > 32),
    },
    Class {
        reader: Reader::Ours,
        name: "second empty line",
        source: "9112, 2.2",
        why: "one empty line before a request is ignored, which is the least that is asked for",
        fits: |it| is_stricter(it, &["LineEnd"], |_| it.bytes[it.start..].starts_with(b"\r\n\r\n")),
    },
    Class {
        reader: Reader::Ours,
        name: "CONNECT",
        source: "9110, 9.3.6",
        why: "no tunnels are served: 501",
        fits: |it| is_stricter(it, &["Connect"], |seen| seen.method == "CONNECT"),
    },
    Class {
        reader: Reader::Ours,
        name: "higher minor version",
        source: "9110, 2.5",
        why: "HTTP/1.2 to 1.9 should be served as 1.1. There will be none, so who sends it is no client: 505",
        fits: |it| is_stricter(it, &["VersionUnsupported"], |seen| seen.minor > 1),
    },
    Class {
        reader: Reader::Ours,
        name: "target of another scheme",
        source: "9112, 3.2.2; 9110, 7.4",
        why: "a server of `http` and `https` has nothing under `ftp:` or `urn:`, and is no proxy",
        fits: |it| is_stricter(it, &["Target"], |seen| !is_http(&seen.target)),
    },
    Class {
        reader: Reader::Ours,
        name: "empty host",
        source: "9110, 4.2.1 and 7.2",
        why: "the grammar has an empty `Host`, but an `http` URI with an empty host must be rejected",
        fits: |it| {
            is_stricter(it, &["HostInvalid"], |seen| hosts(seen).iter().any(|host| is_empty_host(host)))
        },
    },
    Class {
        reader: Reader::Ours,
        name: "port of more than five digits",
        source: "9110, 4.2.1; RFC 3986, 3.2.3",
        why: "the grammar has any number of digits, TCP has 65,535 ports",
        fits: |it| {
            is_stricter(it, &["HostInvalid"], |seen| hosts(seen).iter().any(|host| has_long_port(host)))
        },
    },
    Class {
        reader: Reader::Ours,
        name: "address of the future",
        source: "RFC 3986, 3.2.2",
        why: "`[v1.x]` is a host in the grammar, of which there is none in the world",
        fits: |it| is_stricter(it, &["HostInvalid"], |seen| hosts(seen).iter().any(|host| is_future(host))),
    },
    Class {
        reader: Reader::Ours,
        name: "unknown expectation",
        source: "9110, 10.1.1",
        why: "417 may be answered to what is not `100-continue`",
        fits: |it| {
            is_stricter(it, &["Expectation"], |seen| {
                seen.values("expect").iter().any(|value| !is_continue(value))
            })
        },
    },
    Class {
        reader: Reader::Ours,
        name: "empty element beside `chunked`",
        source: "9110, 5.6.1.2",
        why: "a list may have empty elements, or be two fields of which one is empty. Readers disagree about just these \
              (hyper and http-parser do), so nothing but the word is taken",
        fits: |it| is_stricter(it, &["TransferEncoding"], has_empty_coding),
    },
    Class {
        reader: Reader::Ours,
        name: "space before a chunk extension",
        source: "9112, 7.1.1",
        why: "bad white space before the semicolon is in the grammar; nobody sends it, and readers disagree about it",
        fits: |it| is_stricter(it, &["ChunkSize"], |_| has_space_after_size(it)),
    },
    Class {
        reader: Reader::Hyper,
        name: "refused early",
        source: "-",
        why: "hyper refuses before the strict reader has its line",
        fits: |it| it.kind == Kind::Earlier,
    },
    Class {
        reader: Reader::Hyper,
        name: "refused late, or not yet",
        source: "-",
        why: "hyper waits for more, of a head or of its body, where the strict reader has refused the head",
        fits: |it| matches!(it.kind, Kind::Later(_)),
    },
    Class {
        reader: Reader::Hyper,
        name: "higher minor version",
        source: "9110, 2.5",
        why: "as ours",
        fits: |it| is_stricter(it, &["invalid HTTP version parsed"], |seen| seen.minor > 1),
    },
    Class {
        reader: Reader::Hyper,
        name: "target that its type can't hold",
        source: "9112, 3.2",
        why: "`http::Uri` refuses some bytes that should be refused and some forms that are in the grammar",
        fits: |it| {
            is_stricter(it, &["invalid URI"], |seen| {
                has_odd_bytes(&seen.target) || !seen.target.starts_with('/')
            })
        },
    },
    Class {
        reader: Reader::Hyper,
        name: "empty element beside `chunked`",
        source: "9110, 5.6.1.2",
        why: "refused if it is the last",
        fits: |it| is_stricter(it, &["invalid transfer-encoding parsed"], has_empty_coding),
    },
    Class {
        reader: Reader::Hyper,
        name: "beyond a bound",
        source: "9110, 2.3",
        why: "more than 100 fields, and trailers that it holds too large",
        fits: |it| {
            is_stricter(it, &["message head is too large"], |seen| seen.fields.len() > 100)
                || is_stricter(it, &["error reading a body from connection"], |seen| {
                    size(&seen.trailers) > 8000
                })
        },
    },
    Class {
        reader: Reader::Hyper,
        name: "body of CONNECT",
        source: "9110, 9.3.6",
        why: "hyper reads what `Content-Length` or `Transfer-Encoding` announce; the strict reader leaves it to the tunnel",
        fits: |it| it.strict.is_some_and(|seen| seen.method == "CONNECT"),
    },
    Class {
        reader: Reader::Hyper,
        name: "target written anew",
        source: "9112, 3.2.2",
        why: "an absolute target without a path gets one, and its scheme and host small letters",
        fits: |it| it.differences == ["target"] && it.strict.is_some_and(|seen| seen.target.contains("://")),
    },
    Class {
        reader: Reader::Hyper,
        name: "`Connection` beyond ASCII",
        source: "9112, 9.3",
        why: "hyper passes over the whole field, be there `close` or `keep-alive` in it",
        fits: |it| {
            it.differences == ["persistence"]
                && it
                    .strict
                    .is_some_and(|seen| !seen.values("connection").iter().all(|value| value.is_ascii()))
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "refused early",
        source: "-",
        why: "http-parser refuses before the strict reader has its line",
        fits: |it| it.kind == Kind::Earlier,
    },
    Class {
        reader: Reader::HttpParser,
        name: "refused late, or not yet",
        source: "-",
        why: "http-parser waits for more, of a head or of its body, where the strict reader has refused the head",
        fits: |it| matches!(it.kind, Kind::Later(_)),
    },
    Class {
        reader: Reader::HttpParser,
        name: "unknown method",
        source: "9110, 9.1",
        why: "it knows 33 methods and refuses all others; an application should answer them with 501",
        fits: |it| {
            is_stricter(it, &["HPE_INVALID_METHOD"], |seen| {
                !HTTP_PARSER_METHODS.contains(&seen.method.as_str())
            })
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "target that it can't take apart",
        source: "9112, 3.2",
        why: "it refuses some forms that are in the grammar",
        fits: |it| is_stricter(it, &["HPE_INVALID_URL"], |seen| !seen.target.starts_with('/')),
    },
    Class {
        reader: Reader::HttpParser,
        name: "trailers taken for fields",
        source: "9110, 6.5.1",
        why: "`Content-Length` and `Connection` behind a chunked body are obeyed as if they stood before it",
        fits: |it| {
            let has = |name: &str| {
                let is_named = |(other, _): &(String, _)| other.eq_ignore_ascii_case(name);
                it.strict.is_some_and(|seen| seen.trailers.iter().any(is_named))
            };
            is_stricter(it, &["HPE_INVALID_CONTENT_LENGTH", "HPE_UNEXPECTED_CONTENT_LENGTH"], |_| {
                has("content-length")
            }) || (it.differences == ["persistence"] && (has("connection") || has("proxy-connection")))
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "`chunked` that it doesn't know",
        source: "9112, 6.1; 9110, 5.6.1.2",
        why: "space behind the word, or an empty element, and the body is read as the next request: smuggling",
        fits: |it| {
            matches!(it.kind, Kind::Otherwise | Kind::Shorter | Kind::Laxer(_))
                && has_blurred_chunked(it.bytes)
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "tab where it knows only space",
        source: "9110, 5.6.3; 9112, 7.1.1",
        why: "the space around `Content-Length`, `Connection` and a chunk extension may be a tab",
        fits: |it| {
            let is_refused =
                is_stricter(it, &["HPE_INVALID_CONTENT_LENGTH", "HPE_INVALID_CHUNK_SIZE"], |_| true);
            (is_refused || it.differences == ["persistence"]) && it.bytes[it.start..].contains(&b'\t')
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "`Proxy-Connection`",
        source: "9112, C.2.2",
        why: "taken for `Connection`, though no RFC has it",
        fits: |it| {
            it.differences == ["persistence"]
                && it.strict.is_some_and(|seen| !seen.values("proxy-connection").is_empty())
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "word of `Connection` that it doesn't see",
        source: "9112, 9.3; 9110, 5.6.1.2",
        why: "`close` beside `keep-alive` in HTTP/1.0, and either behind an empty element: the connection is kept, or not, \
              against the client's word",
        fits: |it| {
            it.differences == ["persistence"]
                && it.strict.is_some_and(|seen| !seen.values("connection").is_empty())
        },
    },
    Class {
        reader: Reader::HttpParser,
        name: "number beyond 64 bits",
        source: "9110, 9.3.6",
        why: "`Content-Length` is judged in CONNECT too, where the strict reader leaves the body to the tunnel",
        fits: |it| is_stricter(it, &["HPE_INVALID_CONTENT_LENGTH"], |seen| seen.method == "CONNECT"),
    },
    Class {
        reader: Reader::Client,
        name: "refused before the end",
        source: "9112, 8",
        why: "the connection ends within a response: one of the two says what was wrong before that, the other that it is \
              not whole. Neither takes it",
        fits: |it| matches!(it.kind, Kind::Earlier | Kind::Later(_)),
    },
    Class {
        reader: Reader::Client,
        name: "contradiction in a response without a body",
        source: "9112, 6.3",
        why: "204, 304 and answers to `HEAD` end with the head, whatever their fields say of a body; fields that nobody \
              could obey are refused all the same",
        fits: |it| is_stricter(it, &FRAMING_FAULTS, |seen| is_head_only(it, seen)),
    },
    Class {
        reader: Reader::Client,
        name: "higher minor version",
        source: "9110, 2.5",
        why: "as for requests",
        fits: |it| is_stricter(it, &["StatusLine"], |seen| seen.minor > 1),
    },
    Class {
        reader: Reader::Client,
        name: "status below 100",
        source: "9110, 15",
        why: "should be taken for 500; no sound server sends it",
        fits: |it| is_stricter(it, &["StatusLine"], |seen| seen.target.starts_with('0')),
    },
    Class {
        reader: Reader::Client,
        name: "empty element beside `chunked`",
        source: "9110, 5.6.1.2",
        why: "as for requests",
        fits: |it| is_stricter(it, &["TransferEncoding"], has_empty_coding),
    },
    Class {
        reader: Reader::Client,
        name: "chunk size",
        source: "9112, 7.1",
        why: "more than 16 digits, and space before an extension, as for requests",
        fits: |it| is_stricter(it, &["ChunkSize"], |_| has_space_after_size(it) || has_long_digits(it, 17)),
    },
];

fn is_stricter(it: &Departure<'_>, faults: &[&str], fits: impl Fn(&Seen) -> bool) -> bool {
    it.kind == Kind::Stricter && faults.contains(&it.fault) && it.strict.is_some_and(fits)
}

/// Whether there is a run of more than 16 hexadecimal digits, or 20 decimal ones, where a number was refused.
fn is_uncountable(it: &Departure<'_>) -> bool {
    let digits_min = match it.fault {
        "ContentLength" => 20,
        "ChunkSize" => 17,
        _ => return false,
    };
    has_long_digits(it, digits_min)
}

fn has_long_digits(it: &Departure<'_>, digits_min: usize) -> bool {
    it.bytes[it.start..].split(|byte| !byte.is_ascii_hexdigit()).any(|run| run.len() >= digits_min)
}

/// Whether ours refused for a bound, and the input has what goes beyond it.
fn is_beyond_bounds(it: &Departure<'_>) -> bool {
    let rest = &it.bytes[it.start..];
    matches!(it.kind, Kind::Stricter | Kind::Earlier)
        && match it.fault {
            "HeadTooLarge" => rest.len() > 16 << 10,
            "TargetTooLong" | "TrailersTooLarge" => rest.len() > 8 << 10,
            "TooManyHeaders" => rest.iter().filter(|byte| **byte == b':').count() > 100,
            "ChunkLineTooLong" => rest.split(|byte| *byte == b'\n').any(|line| line.len() > 256),
            _ => false,
        }
}

fn is_http(target: &str) -> bool {
    let scheme = target.split(':').next().unwrap_or_default();
    target.starts_with('/')
        || target == "*"
        || ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// `Host`, and the authority of an absolute target.
fn hosts(seen: &Seen) -> Vec<String> {
    let rest = if seen.target.starts_with('/') { None } else { seen.target.split_once("://") };
    let authority = rest.map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default().to_owned());
    let field = seen.values("host").into_iter().map(|host| String::from_utf8_lossy(host).into_owned());
    field.chain(authority).collect()
}

fn is_empty_host(host: &str) -> bool {
    host.is_empty() || host.starts_with(':')
}

fn has_long_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(_, port)| port.len() > 5 && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_future(host: &str) -> bool {
    let end = host.find(']').unwrap_or(0);
    host.starts_with('[') && host.get(1..end).is_some_and(|address| is_future_address(address.as_bytes()))
}

fn is_continue(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"100-continue")
}

fn has_empty_coding(seen: &Seen) -> bool {
    let values = seen.values("transfer-encoding");
    values.len() > 1 || values.iter().any(|value| value.contains(&b','))
}

fn has_space_after_size(it: &Departure<'_>) -> bool {
    let mut lines = it.bytes[it.start..].split(|byte| *byte == b'\n');
    lines.any(|line| {
        let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(0);
        end > 0 && matches!(line[end], b' ' | b'\t') && line.contains(&b';')
    })
}

fn has_blurred_chunked(bytes: &[u8]) -> bool {
    let text = bytes.to_ascii_lowercase();
    text.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"transfer-encoding:")
            && line.windows(7).any(|word| word == b"chunked")
            && (line.contains(&b',') || line.ends_with(b" \r") || line.ends_with(b"\t\r"))
    })
}

/// Whether the message ends with its head.
fn is_head_only(it: &Departure<'_>, seen: &Seen) -> bool {
    let head_end = it.bytes[it.start..].windows(4).position(|end| end == b"\r\n\r\n");
    head_end.is_some_and(|at| seen.end == Some(it.start + at + 4))
}

fn size(lines: &[(String, Vec<u8>)]) -> usize {
    lines.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

const FRAMING_FAULTS: [&str; 6] = [
    "LengthAndCoding",
    "TransferEncodingInHttp10",
    "TransferEncoding",
    "CodingUnsupported",
    "ContentLength",
    "ContentLengthTwice",
];

const HYPER_TAKES: [Rule; 13] = [
    Rule::BareLf,
    Rule::TargetBytes,
    Rule::TargetForm,
    Rule::UserInfo,
    Rule::HostEmpty,
    Rule::HostMissing,
    Rule::HostTwice,
    Rule::HostInvalid,
    Rule::LengthTwice,
    Rule::LengthAndCoding,
    Rule::ChunkedTwice,
    Rule::OtherCoding,
    Rule::ChunkExtension,
];

const HTTP_PARSER_TAKES: [Rule; 25] = [
    Rule::BareLf,
    Rule::BareCr,
    Rule::RequestLine,
    Rule::Version,
    Rule::MajorVersion,
    Rule::TargetBytes,
    Rule::TargetForm,
    Rule::UserInfo,
    Rule::HostEmpty,
    Rule::HostMissing,
    Rule::HostTwice,
    Rule::HostInvalid,
    Rule::Fold,
    Rule::NoColon,
    Rule::NulInValue,
    Rule::ControlInValue,
    Rule::Length,
    Rule::LengthAndCoding,
    Rule::CodingInHttp10,
    Rule::ChunkedNotLast,
    Rule::ChunkedTwice,
    Rule::OtherCoding,
    Rule::CodingParameter,
    Rule::ChunkSize,
    Rule::ChunkExtension,
];

/// `HTTP_METHOD_MAP` of http-parser 2.7.1.
const HTTP_PARSER_METHODS: [&str; 33] = [
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
];
