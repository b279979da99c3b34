//! The opening handshake, from both ends: a good head, and each row changes it in one place.

use jackfield_proto::websocket::{
    Accepted, EncodeError, HandshakeError, Offer, ResponseError, VERSION, accept_key, check_response,
    encode_request, encode_response, is_handshake_field,
};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const NONCE: [u8; 16] = *b"the sample nonce";

const REQUEST: &str = "Host: a.example
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13";

const RESPONSE: &str = "Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

type Fields = Vec<(String, Vec<u8>)>;

/// The good head with some lines in place of those of the same name. A line without a colon takes that field away,
/// and one that begins with `+` is added to what is there.
fn change(head: &str, changes: &str) -> Fields {
    let mut fields: Fields = head.lines().map(field).collect();
    for change in changes.split('|').filter(|change| !change.is_empty()) {
        if let Some(added) = change.strip_prefix('+') {
            fields.push(field(added));
            continue;
        }
        let name = change.split(':').next().unwrap_or_default();
        fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if change.contains(':') {
            fields.push(field(change));
        }
    }
    fields
}

fn field(line: &str) -> (String, Vec<u8>) {
    let (name, value) = line.split_once(':').expect("a colon");
    // Latin-1, so that a row can have bytes that are not UTF-8.
    (name.to_owned(), value.strip_prefix(' ').unwrap_or(value).chars().map(|c| c as u8).collect())
}

fn pairs(fields: &Fields) -> impl Iterator<Item = (&str, &[u8])> + Clone {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
}

#[track_caller]
fn check_offer(changes: &str, want: Result<(), HandshakeError>) {
    let mut fields = change(REQUEST, changes);
    for _ in 0..fields.len() {
        let got = Offer::check("GET", true, pairs(&fields)).map(|_| ());
        assert_eq!(got, want, "{changes}");
        fields.rotate_left(1);
    }
}

/// W7.
#[test]
fn offers() {
    use HandshakeError as E;
    for (changes, want) in [
        ("", Ok(())),
        // Names and tokens have no case, lists have blanks and come in several fields.
        ("HOST: a.example", Ok(())),
        ("upgrade: WebSocket", Ok(())),
        ("UPGRADE: h2c, websocket", Ok(())),
        ("Upgrade: h2c|+Upgrade: websocket", Ok(())),
        ("Connection: keep-alive, Upgrade", Ok(())),
        ("connection: upgrade", Ok(())),
        ("Connection:  ,\t upGRADE ,,", Ok(())),
        ("Connection: keep-alive|+Connection: Upgrade", Ok(())),
        ("Sec-WebSocket-Version:  13 ", Ok(())),
        ("SEC-WEBSOCKET-KEY:  dGhlIHNhbXBsZSBub25jZQ== ", Ok(())),
        ("Origin: https://a.example", Ok(())),
        ("Origin: null", Ok(())),
        ("Host: ", Ok(())),
        ("+Cookie: a=\u{ff}|+X-Other: y", Ok(())),
        // Host.
        ("Host", Err(E::Host)),
        ("+Host: b.example", Err(E::Host)),
        ("Host: \u{ff}", Err(E::Host)),
        // Upgrade.
        ("Upgrade", Err(E::Upgrade)),
        ("Upgrade: ", Err(E::Upgrade)),
        ("Upgrade: h2c", Err(E::Upgrade)),
        ("Upgrade: websockets", Err(E::Upgrade)),
        ("Upgrade: web socket", Err(E::Upgrade)),
        ("Upgrade: websocket/13", Err(E::Upgrade)),
        ("Upgrade: websocket\u{ff}", Err(E::Upgrade)),
        // Connection.
        ("Connection", Err(E::Connection)),
        ("Connection: keep-alive", Err(E::Connection)),
        ("Connection: Upgraded", Err(E::Connection)),
        ("Connection: Up, grade", Err(E::Connection)),
        // Version.
        ("Sec-WebSocket-Version", Err(E::Version)),
        ("Sec-WebSocket-Version: 8", Err(E::Version)),
        ("Sec-WebSocket-Version: 14", Err(E::Version)),
        ("Sec-WebSocket-Version: 013", Err(E::Version)),
        ("Sec-WebSocket-Version: 8, 13", Err(E::Version)),
        ("+Sec-WebSocket-Version: 13", Err(E::Version)),
        ("Sec-WebSocket-Version: 8|Sec-WebSocket-Key", Err(E::Version)),
        // Key.
        ("Sec-WebSocket-Key", Err(E::Key)),
        ("Sec-WebSocket-Key: ", Err(E::Key)),
        ("Sec-WebSocket-Key: short", Err(E::Key)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ", Err(E::Key)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=", Err(E::Key)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEy", Err(E::Key)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=", Err(E::Key)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZT0=", Err(E::Key)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBs*SBub25jZQ==", Err(E::Key)),
        ("+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", Err(E::Key)),
        // Origin, protocols, extensions.
        ("Origin: a|+Origin: a", Err(E::Origin)),
        ("Origin: \u{ff}", Err(E::Origin)),
        ("Sec-WebSocket-Protocol: a, b/c", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: a b", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: \"a\"", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: a, b, a", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: a|+Sec-WebSocket-Protocol: a", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: \u{ff}", Err(E::Protocol)),
        ("Sec-WebSocket-Extensions: \u{ff}", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: ", Ok(())),
        ("Sec-WebSocket-Extensions: , a ,, b;c;d=e ; f = \"g\" ,", Ok(())),
        ("Sec-WebSocket-Extensions: a; b=\", ; \\\" =\", c", Ok(())),
        ("Sec-WebSocket-Extensions: a b", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a; b c", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a;", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: ;a", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a; b=", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a; =b", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a; b=\"c", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a; b=\"c\\\"", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a; b=\"c\"d", Err(E::Extensions)),
        ("Sec-WebSocket-Extensions: a|+Sec-WebSocket-Extensions: b/c", Err(E::Extensions)),
    ] {
        check_offer(changes, want);
    }
}

#[test]
fn methods_and_versions() {
    let fields = change(REQUEST, "");
    let check = |method, http11| Offer::check(method, http11, pairs(&fields)).map(|_| ());
    assert_eq!(check("GET", true), Ok(()));
    for method in ["POST", "get", "HEAD", "CONNECT", ""] {
        assert_eq!(check(method, true), Err(HandshakeError::Method));
    }
    assert_eq!(check("GET", false), Err(HandshakeError::HttpVersion));
}

#[test]
fn statuses() {
    use HandshakeError as E;
    assert_eq!((E::Method.status(), E::Version.status(), VERSION), (405, 426, "13"));
    for error in
        [E::HttpVersion, E::Host, E::Upgrade, E::Connection, E::Key, E::Origin, E::Protocol, E::Extensions]
    {
        assert_eq!(error.status(), 400, "{error}");
    }
}

/// W4, W6.
#[test]
fn offers_are_read() {
    let fields = change(
        REQUEST,
        "Origin: https://b.example|Sec-WebSocket-Protocol: chat , superchat|+Sec-WebSocket-Protocol: ,v2.x|\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-a; b=1|+sec-websocket-extensions: y",
    );
    let offer = Offer::check("GET", true, pairs(&fields)).expect("a good offer");
    assert_eq!((offer.host(), offer.origin()), ("a.example", Some("https://b.example")));
    assert_eq!(offer.protocols().collect::<Vec<_>>(), ["chat", "superchat", "v2.x"]);
    assert!(offer.offers("chat") && !offer.offers("Chat") && !offer.offers("super") && !offer.offers(""));
    let extensions = ["permessage-deflate; client_max_window_bits", "x-a; b=1", "y"];
    assert_eq!(offer.extensions().map(|extension| extension.as_str()).collect::<Vec<_>>(), extensions);
    assert_eq!(&offer.accept_key(), ACCEPT.as_bytes());
    assert_eq!(&accept_key(KEY.as_bytes()), ACCEPT.as_bytes());

    let fields = change(REQUEST, "");
    let plain = Offer::check("GET", true, pairs(&fields)).expect("a good offer");
    assert_eq!((plain.origin(), plain.protocols().count(), plain.extensions().count()), (None, 0, 0));
}

#[test]
fn extensions_are_taken_apart() {
    let fields = change(
        REQUEST,
        "Sec-WebSocket-Extensions: a, b;c ; d=e,, f; g=\"h, i; \\\"\";j = k|+Sec-WebSocket-Extensions: a; b=\"\"",
    );
    let offer = Offer::check("GET", true, pairs(&fields)).expect("a good offer");
    let found: Vec<_> = offer
        .extensions()
        .map(|extension| (extension.as_str(), extension.name(), extension.params().collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        found,
        [
            ("a", "a", vec![]),
            ("b;c ; d=e", "b", vec![("c", None), ("d", Some("e"))]),
            ("f; g=\"h, i; \\\"\";j = k", "f", vec![("g", Some("h, i; \\\"")), ("j", Some("k"))]),
            ("a; b=\"\"", "a", vec![("b", Some(""))]),
        ]
    );
}

#[track_caller]
fn check_answer(changes: &str, want: Result<Option<&str>, ResponseError>) {
    let mut fields = change(RESPONSE, changes);
    for _ in 0..fields.len() {
        let got = check_response(101, pairs(&fields), NONCE, &["chat", "v2"]);
        assert_eq!(got, want.map(|protocol| Accepted { protocol }), "{changes}");
        fields.rotate_left(1);
    }
}

/// W22.
#[test]
fn answers() {
    use ResponseError as E;
    for (changes, want) in [
        ("", Ok(None)),
        ("upgrade: WebSocket", Ok(None)),
        ("CONNECTION: x, upgrade", Ok(None)),
        ("Sec-WebSocket-Protocol: chat", Ok(Some("chat"))),
        ("sec-websocket-protocol:  v2 ", Ok(Some("v2"))),
        ("+Server: x", Ok(None)),
        ("Upgrade", Err(E::Upgrade)),
        ("Upgrade: h2c", Err(E::Upgrade)),
        ("Connection", Err(E::Connection)),
        ("Connection: close", Err(E::Connection)),
        ("Sec-WebSocket-Accept", Err(E::Accept)),
        ("Sec-WebSocket-Accept: ", Err(E::Accept)),
        ("Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Err(E::Accept)),
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo", Err(E::Accept)),
        ("Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==", Err(E::Accept)),
        ("+Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Err(E::Accept)),
        ("Sec-WebSocket-Extensions: permessage-deflate", Err(E::Extensions)),
        ("Sec-WebSocket-Protocol: other", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: Chat", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: chat, v2", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: chat|+Sec-WebSocket-Protocol: v2", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: ", Err(E::Protocol)),
        ("Sec-WebSocket-Protocol: \u{ff}", Err(E::Protocol)),
    ] {
        check_answer(changes, want);
    }
    for status in [200, 301, 401, 426, 503] {
        let fields = change(RESPONSE, "");
        assert_eq!(check_response(status, pairs(&fields), NONCE, &[]), Err(E::Status(status)));
    }
}

#[test]
fn a_request_as_it_is_written() {
    let mut out = Vec::new();
    let fields = [("Origin", "https://a.example"), ("Cookie", "a=1")];
    assert_eq!(
        encode_request("/chat?x=1", "a.example:81", NONCE, &["chat", "v2"], &fields, &mut out),
        Ok(())
    );
    let want = format!(
        "GET /chat?x=1 HTTP/1.1\r\nHost: a.example:81\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, v2\r\n\
         Origin: https://a.example\r\nCookie: a=1\r\n\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&out), want);
}

/// W5.
#[test]
fn a_response_as_it_is_written() {
    let mut out = Vec::new();
    assert_eq!(encode_response(accept_key(KEY.as_bytes()), Some("chat"), &[("X-A", "b")], &mut out), Ok(()));
    let want = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&out), want);
}

#[test]
fn the_two_ends_understand_each_other() {
    let mut out = Vec::new();
    assert_eq!(encode_request("/", "a", NONCE, &["chat"], &[], &mut out), Ok(()));
    let request = fields_of(&out);
    let offer = Offer::check("GET", true, pairs(&request)).expect("a good offer");
    out.clear();
    assert_eq!(encode_response(offer.accept_key(), offer.protocols().next(), &[], &mut out), Ok(()));
    let response = fields_of(&out);
    assert_eq!(
        check_response(101, pairs(&response), NONCE, &["chat"]),
        Ok(Accepted { protocol: Some("chat") })
    );
}

fn fields_of(head: &[u8]) -> Fields {
    let head = std::str::from_utf8(head).expect("a head is text here");
    head.trim_end().split("\r\n").skip(1).map(field).collect()
}

#[test]
fn what_would_break_a_head_is_not_written() {
    use EncodeError as E;
    let none: &[&str] = &[];
    for (target, host, protocols, field, want) in [
        ("", "a", none, ("X", "y"), E::Target),
        ("/ HTTP/1.1\r\nX: y", "a", none, ("X", "y"), E::Target),
        ("/a b", "a", none, ("X", "y"), E::Target),
        ("/", "a\r\nX: y", none, ("X", "y"), E::Host),
        ("/", "a b", none, ("X", "y"), E::Host),
        ("/", "a", &["chat\r\nX: y"], ("X", "y"), E::Protocol),
        ("/", "a", &["a,b"], ("X", "y"), E::Protocol),
        ("/", "a", &[""], ("X", "y"), E::Protocol),
        ("/", "a", &["chat", "chat"], ("X", "y"), E::Protocol),
        ("/", "a", none, ("", "y"), E::Field),
        ("/", "a", none, ("X: y\r\nZ", "y"), E::Field),
        ("/", "a", none, ("X", "y\r\nZ: z"), E::Field),
        ("/", "a", none, ("X", "y\nz"), E::Field),
        ("/", "a", none, ("X", "y\0"), E::Field),
        ("/", "a", none, ("host", "b"), E::Field),
        ("/", "a", none, ("Sec-WebSocket-Extensions", "permessage-deflate"), E::Field),
    ] {
        let mut out = Vec::new();
        assert_eq!(
            encode_request(target, host, NONCE, protocols, &[field], &mut out),
            Err(want),
            "{target} {host}"
        );
        assert!(out.is_empty());
    }
    let mut out = Vec::new();
    let accept = accept_key(KEY.as_bytes());
    assert_eq!(encode_response(accept, Some("a\r\nb"), &[], &mut out), Err(E::Protocol));
    assert_eq!(encode_response(accept, None, &[("X", "\r\n\r\n")], &mut out), Err(E::Field));
    assert_eq!(encode_response(accept, None, &[("Upgrade", "h2c")], &mut out), Err(E::Field));
    assert!(out.is_empty());
}

/// The fault: all of this went out.
#[test]
fn i473_a_request_is_checked_as_every_other_is() {
    for (target, host, want) in [
        ("/?a=%20", "a.example", Ok(())),
        ("/", "[::1]:80", Ok(())),
        ("a", "a", Err(EncodeError::Target)),
        ("*", "a", Err(EncodeError::Target)),
        ("?a", "a", Err(EncodeError::Target)),
        ("http://a/", "a", Err(EncodeError::Target)),
        ("/#a", "a", Err(EncodeError::Target)),
        ("/\u{e9}", "a", Err(EncodeError::Target)),
        ("/", "", Err(EncodeError::Host)),
        ("/", "a#b", Err(EncodeError::Host)),
        ("/", "a@b", Err(EncodeError::Host)),
        ("/", "a:b", Err(EncodeError::Host)),
        ("/", "\u{e9}", Err(EncodeError::Host)),
    ] {
        let mut out = Vec::new();
        assert_eq!(encode_request(target, host, NONCE, &[], &[], &mut out), want, "{target} {host}");
        assert_eq!(out.is_empty(), want.is_err(), "{target} {host}");
    }
}

#[test]
fn fields_of_the_handshake_are_refused() {
    for (name, is_own) in [
        ("Sec-WebSocket-Accept", true),
        ("Sec-WebSocket-Key", true),
        ("Sec-WebSocket-Version", true),
        ("SEC-WEBSOCKET-PROTOCOL", true),
        ("sec-websocket-extensions", true),
        ("Sec-WebSocket-Anything", true),
        ("Sec-WebSocket-", true),
        ("Upgrade", true),
        ("connection", true),
        ("Host", true),
        ("Content-Length", true),
        ("Transfer-Encoding", true),
        ("Sec-WebSocket", false),
        ("Sec-Fetch-Mode", false),
        ("Origin", false),
        ("Set-Cookie", false),
        ("", false),
    ] {
        assert_eq!(is_handshake_field(name), is_own, "{name}");
        if !name.is_empty() {
            let mut out = Vec::new();
            let fields = [(name, "1")];
            let request = encode_request("/", "a", [0; 16], &[], &fields, &mut out);
            let response = encode_response([b'a'; 28], None, &fields, &mut out);
            assert_eq!(
                (request.is_err(), response.is_err(), out.is_empty()),
                (is_own, is_own, is_own),
                "{name}"
            );
        }
    }
}
