//! Inputs that benchmarks share.

pub mod beside;

/// A small request, as a load generator sends it.
pub const SMALL_REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";

/// The same for a path with a parameter.
pub const PARAMETER_REQUEST: &[u8] = b"GET /api/v1/things32/4711 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";

/// A request with the head that a browser sends.
pub const BROWSER_REQUEST: &[u8] = b"GET /en/docs/guide?page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not:A-Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/en/docs/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=3f2a9c1e5d7b4086a1c2e3f405162738; theme=dark; \
    _ga=GA1.1.1483920561.1763100000; _ga_7Q2K9XW4LM=GS2.1.s1763100000$o3$g1$t1763100423$j60$l0$h0; \
    locale=en; consent=analytics%3Dyes%26ads%3Dno; last=docs%2Fguide\r\n\r\n";

/// A text that is not all ASCII, of about so many bytes.
#[must_use]
pub fn mixed_text(bytes: usize) -> String {
    "grün, žluťoučký 🐎, plain words and more of them. ".chars().cycle().take(bytes).collect()
}
