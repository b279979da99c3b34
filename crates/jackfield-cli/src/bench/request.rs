//! An HTTP request with the user's options.

use std::fmt::Write;

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// The value of `Host`, unless there is such a field.
    pub host: &'a str,
    /// Further fields, by name and value.
    pub fields: &'a [(String, String)],
    /// With the fields of a browser.
    pub is_browser: bool,
    /// The server is asked to close the connection behind the answer.
    pub closes: bool,
    pub body: &'a [u8],
}

/// The fields that a browser sends after `Host`.
const BROWSER_FIELDS: &str = "Connection: keep-alive\r\n\
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
    locale=en; consent=analytics%3Dyes%26ads%3Dno; last=docs%2Fguide\r\n";

/// Methods whose requests have a length even if it is zero.
const WITH_BODY: [&str; 3] = ["POST", "PUT", "PATCH"];

impl<'a> Request<'a> {
    /// A plain GET.
    pub fn get(host: &'a str, path: &'a str) -> Self {
        Self { method: "GET", path, host, fields: &[], is_browser: false, closes: false, body: &[] }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        // Writing to a string cannot fail, here and below.
        if !self.has("host") {
            let _ = write!(head, "Host: {}\r\n", self.host);
        }
        for (name, value) in self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if self.is_browser {
            head.push_str(BROWSER_FIELDS);
        }
        if self.closes {
            head.push_str("Connection: close\r\n");
        }
        if !self.body.is_empty() || WITH_BODY.contains(&self.method) {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        [head.as_bytes(), self.body].concat()
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_what_the_user_has_set() {
        let plain = Request::get("a:1", "/x");
        let fields = [("Host".to_owned(), "b".to_owned()), ("X-Y".to_owned(), "1".to_owned())];
        for (request, bytes) in [
            (plain, "GET /x HTTP/1.1\r\nHost: a:1\r\n\r\n"),
            (Request { closes: true, ..plain }, "GET /x HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n"),
            (Request { fields: &fields, ..plain }, "GET /x HTTP/1.1\r\nHost: b\r\nX-Y: 1\r\n\r\n"),
            (Request { method: "PUT", ..plain }, "PUT /x HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n"),
            (
                Request { method: "DELETE", body: b"hi", ..plain },
                "DELETE /x HTTP/1.1\r\nHost: a:1\r\nContent-Length: 2\r\n\r\nhi",
            ),
        ] {
            assert_eq!(String::from_utf8_lossy(&request.encode()), bytes);
        }
        assert!(Request { is_browser: true, ..plain }.encode().len() > 850);
    }
}
