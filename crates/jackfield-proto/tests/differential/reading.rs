//! What a reader made of the bytes of one connection, in a form that all readers share.

/// The requests that were read whole, in order, and what came then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading<F> {
    pub(crate) requests: Vec<Seen>,
    pub(crate) end: End<F>,
}

/// Why there is no further request. `F` is what the reader says of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End<F> {
    /// Nothing of a request is left, apart from empty lines.
    Idle,
    /// A head is not whole.
    Head,
    /// A body is not whole.
    Body,
    /// The last request ends the connection.
    Closed,
    /// The last request may make something else of the connection.
    Tunnel,
    /// What follows is no request.
    Refused(F),
}

/// A name and a value without the space around it.
pub(crate) type Line = (String, Vec<u8>);

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// The minor version after `HTTP/1.`.
    pub(crate) minor: u8,
    pub(crate) fields: Vec<Line>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<Line>,
    /// Whether another request may follow on the connection.
    pub(crate) persists: bool,
    /// Where it ends, if the reader tells.
    pub(crate) end: Option<usize>,
}

impl Seen {
    /// The values of all fields of this name, which is in small letters.
    pub(crate) fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    /// What differs from another, by name: nothing if they are the same.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let ends_differ = matches!((self.end, other.end), (Some(one), Some(two)) if one != two);
        let checks = [
            ("method", self.method != other.method),
            ("target", self.target != other.target),
            ("version", self.minor != other.minor),
            ("fields", self.fields != other.fields && folded(&self.fields) != folded(&other.fields)),
            ("body", self.body != other.body),
            ("trailers", useful(&self.trailers) != useful(&other.trailers)),
            ("persistence", self.persists != other.persists),
            ("end", ends_differ),
        ];
        checks.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// The lines by their names in small letters, those of one name in their order: what is left of lines in a map.
fn folded(lines: &[Line]) -> Vec<Line> {
    let fold = |(name, value): &Line| (name.to_ascii_lowercase(), value.clone());
    let mut lines: Vec<Line> = lines.iter().map(fold).collect();
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    lines
}

/// The trailers without those that a reader does better to drop.
fn useful(trailers: &[Line]) -> Vec<Line> {
    folded(trailers).into_iter().filter(|(name, _)| !NO_TRAILERS.contains(&name.as_str())).collect()
}

/// Fields that frame, route, authenticate, condition or describe the message before it is read, so that they have no
/// meaning after it (RFC 9110 section 6.5.1).
const NO_TRAILERS: [&str; 32] = [
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];
