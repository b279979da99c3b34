//! Compressed answers, for clients that accept them.

use crate::message::{Body, quality};
use flate2::write::{GzEncoder, ZlibEncoder};
use jackfield_proto::http1::{Fields, Request};
use std::io::{self, Write};

/// How an answer is compressed, depending on what its request accepts (feature `compression`):
/// [`ResponseBuilder::compressed`](crate::ResponseBuilder::compressed).
///
/// ```
/// use jackfield::{Client, Compression, Exchange, Request};
///
/// struct Pages;
///
/// impl Client for Pages {
///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
///         let compression = Compression::accepted_by(request);
///         let page = "<p>A long page.</p>".repeat(1000);
///         let _ = exchange.response(200).compressed(compression).body("text/html", page);
///     }
/// }
/// ```
///
/// It is a small value, which a task can keep with its [`Reply`](crate::Reply). A body above 1 KiB is compressed if that makes
/// it shorter and its type is text, JSON, XML, JavaScript, SVG or similar. A body that is already compressed, by its type or by
/// a `Content-Encoding`, is not changed. Neither is a part (206, `Content-Range`), an answer with `Cache-Control:
/// no-transform`, or an answer with a strong `ETag`, which would name two different bodies: use a weak one (`W/".."`). A body
/// that is sent in parts is not compressed. The answer to HEAD has the header lines of the answer to GET. Every answer with
/// this option has `Vary: Accept-Encoding`, compressed or not, also one in parts.
///
/// Do not compress a body that has a secret together with text that an attacker chooses: its length can reveal the secret, as
/// in BREACH.
#[doc(alias = "gzip")]
#[doc(alias = "CompressionLayer")]
#[doc(alias = "Compress")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// `None`: the client accepts none of ours.
    coding: Option<Coding>,
    level: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    /// In the zlib format (RFC 9110 section 8.4.1.2).
    Deflate,
}

/// A body up to this length is not compressed.
const BYTES_MIN: usize = 1 << 10;

impl Compression {
    /// Chooses by the `Accept-Encoding` of this request and its weights (RFC 9110 section 12.5.3): gzip or deflate, and gzip if
    /// both have the same weight. No compression if it prefers `identity` or has no such header.
    #[must_use]
    pub fn accepted_by(request: &Request<'_>) -> Self {
        let any = quality(request, &["*"]);
        let of = |names: &[&str]| quality(request, names).or(any).unwrap_or(0.0);
        let (gzip, deflate) = (of(&["gzip", "x-gzip"]), of(&["deflate"]));
        let best = if deflate > gzip { (Coding::Deflate, deflate) } else { (Coding::Gzip, gzip) };
        let identity = quality(request, &["identity"]).unwrap_or(0.0);
        let (coding, wanted) = best;
        Self { coding: (wanted > 0.0 && wanted >= identity).then_some(coding), level: 1 }
    }

    /// The effort, from 1 (fast) to 9 (smallest result). Default: 1.
    #[must_use]
    pub fn level(self, level: u8) -> Self {
        Self { level: level.clamp(1, 9), ..self }
    }

    /// The body to be sent; adds the header lines for it.
    pub(super) fn apply<'m>(
        self,
        status: u16,
        content_type: &str,
        fields: &mut Fields,
        body: Body<'m>,
    ) -> Body<'m> {
        let is_fit = is_whole(status) && is_changeable(fields) && is_compressible(content_type, fields);
        let coding = self.coding.filter(|_| is_fit && body.len() > BYTES_MIN);
        let Some(coding) = coding else { return body };
        match compress(coding, self.level, body.as_bytes()) {
            Ok(shorter) if shorter.len() < body.len() => {
                let pushed = fields.push("Content-Encoding", coding.name());
                debug_assert!(pushed.is_ok(), "the line is valid, and there is no other of its name");
                Body::Owned(shorter)
            }
            _ => body,
        }
    }
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

fn compress(coding: Coding, level: u8, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let (level, into) = (flate2::Compression::new(level.into()), Vec::with_capacity(bytes.len() / 4));
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(into, level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(into, level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

/// Whether an answer with this status has a complete representation as its body.
fn is_whole(status: u16) -> bool {
    !matches!(status, 0..=199 | 204..=206 | 304)
}

/// Whether its header lines allow a change of the body.
fn is_changeable(fields: &Fields) -> bool {
    fields.iter().all(|(name, value)| {
        let has = |word: &str| {
            std::str::from_utf8(value).is_ok_and(|value| value.to_ascii_lowercase().contains(word))
        };
        match () {
            () if name.eq_ignore_ascii_case("content-encoding") => false,
            () if name.eq_ignore_ascii_case("content-range") => false,
            () if name.eq_ignore_ascii_case("etag") => value.starts_with(b"W/"),
            () if name.eq_ignore_ascii_case("cache-control") => !has("no-transform"),
            () => true,
        }
    })
}

/// Whether a body of this type can be compressed, and is not compressed already.
fn is_compressible(content_type: &str, fields: &Fields) -> bool {
    let line = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let of_line = line.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or("");
    let media_type = if content_type.is_empty() { of_line } else { content_type };
    let media_type = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let (kind, subtype) = media_type.split_once('/').unwrap_or(("", ""));
    let suffix = subtype.rsplit_once('+').map_or("", |(_, suffix)| suffix);
    kind == "text" || matches!(suffix, "json" | "xml" | "yaml") || TYPES.contains(&media_type.as_str())
}

/// Types that compress as well as text.
const TYPES: [&str; 11] = [
    "application/json",
    "application/ndjson",
    "application/x-ndjson",
    "application/javascript",
    "application/xml",
    "application/yaml",
    "application/wasm",
    "font/ttf",
    "font/otf",
    "image/bmp",
    "image/vnd.microsoft.icon",
];
