//! What the targets begin with: some right inputs of each kind, some wrong ones, and the words of each protocol.

/// One interim response more than there may be.
const INTERIMS: &[u8] = &repeat::<{ 33 * INTERIM.len() }>(INTERIM);
const INTERIM: &[u8] = b"HTTP/1.1 103 \r\n\r\n";

const fn repeat<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let (mut all, mut at) = ([0; N], 0);
    while at < N {
        all[at] = bytes[at % bytes.len()];
        at += 1;
    }
    all
}

/// Inputs, or words.
type Bytes = &'static [&'static [u8]];

pub(crate) const HEADS: Bytes = &[
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /a/b?c=d&e HTTP/1.1\r\nHost: h:80\r\nUser-Agent: x/1.0 (y)\r\nAccept: text/html,*/*;q=0.8\r\n\
      Cookie: a=b; c=d\r\n\r\n",
    b"POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://example.com:8080/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
    b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nhost: [::1]:80\r\nX: \ty \t\r\nEmpty:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n folded\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
];

pub(crate) const CONNECTIONS: Bytes = &[
    b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\nHEAD /c HTTP/1.1\r\nHost: h\r\n\r\n\
      HEAD /d HTTP/1.1\r\nHost: h\r\n\r\nHEAD /e HTTP/1.1\r\nHost: h\r\n\r\nHEAD /f HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /g HTTP/1.1\r\nHost: h\r\n\r\nGET /h HTTP/1.1\r\nHost: h\r\n\r\nGET /i HTTP/1.1\r\nHost: h\r\n\r\n\
      GET /j HTTP/1.1\r\nHost: h\r\n\r\nGET /k HTTP/1.1\r\nHost: h\r\n\r\nGET /l HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /ab HTTP/1.1\r\nHost: h\r\n\r\nHEAD /abc HTTP/1.1\r\n\
      Host: h\r\n\r\n",
    b"POST /12 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /1234 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /123 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n\
      GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /12345678 HTTP/1.0\r\n\
      Connection: keep-alive\r\n\r\n",
    b"PUT /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
      GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    b"POST /12 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n\
      okGET /12345 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82abcd\x09\x0b",
    b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\
      GET /more HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /12 HTTP/1.1\r\nHost: h\r\n\
      Content-Length: 100\r\n\r\n01234567890123456789012345678901234567890123456789\
      01234567890123456789012345678901234567890123456789GET / HTTP/1.1\r\n\
      Host: h\r\n\r\n",
    b"GET /123456789abcd HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\
      GET \x00 HTTP/1.1\r\n\r\n",
];

pub(crate) const RESPONSES: Bytes = &[
    INTERIMS,
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 404 Not Found\r\n\
      Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n\
      HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
      HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\nETag: \"a\"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nokHTTP/1.0 200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\nHTTP/1.1 426 \r\n\
      Transfer-Encoding: gzip, chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
];

pub(crate) const HTTP_WORDS: Bytes = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b": ",
    b" ",
    b"\t",
    b"\0",
    b"\x7f",
    b"\x80",
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"OPTIONS ",
    b"CONNECT ",
    b"/",
    b"*",
    b"http://h/",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 304 \r\n",
    b"Host: h\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Trailer: X\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /ab HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
];

pub(crate) const CHUNKED: Bytes = &[
    b"0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;a=b;c=\"d\"\r\nhello\r\n1\r\n!\r\n00\r\nX-Y: z\r\nA: b\r\n\r\n",
    b"A\r\n0123456789\r\nf;x\r\n0123456789abcde\r\n0\r\n\r\n",
    b"0\r\nContent-Length: 5\r\nX: \t y \r\n\r\nrest",
    b"ffffffffffffffff\r\n",
    b"5\nhello\n0\n\n",
    b"-1\r\n",
    b"1 ;a\r\nx\r\n0\r\n\r\n",
];

pub(crate) const CHUNK_WORDS: Bytes = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"0\r\n",
    b"0\r\n\r\n",
    b"1\r\na\r\n",
    b"5\r\nhello\r\n",
    b";a=b",
    b";",
    b"=\"",
    b" ",
    b"X: y\r\n",
    b"Content-Length: 1\r\n",
    b"10000000000000000",
    b"0x",
    b"+",
];

/// With the key 0, so that the payload can be read.
pub(crate) const MASKED_FRAMES: Bytes = &[
    b"\x81\x85\0\0\0\0hello",
    b"\x01\x82\0\0\0\0he\x80\x83\0\0\0\0llo",
    b"\x89\x82\0\0\0\0hi\x8a\x80\0\0\0\0\x82\x83\0\0\0\0\x00\xff\x80",
    b"\x01\x82\0\0\0\0\xe2\x82\x89\x81\0\0\0\0?\x80\x81\0\0\0\0\xac",
    b"\x81\xfe\x00\x7e\0\0\0\x00abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\
      abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv",
    b"\x81\x82abcd\x09\x0b\x88\x82abcd\x62\x8a",
    b"\x88\x85\0\0\0\0\x03\xe8bye\x81\x81\0\0\0\0x",
    b"\x88\x80\0\0\0\0",
    b"\x82\xff\0\0\0\0\0\0\x02\x00\0\0\0\0",
    b"\xc1\x80\0\0\0\0",
    b"\x02\x80\0\0\0\0\0\x80\0\0\0\0\0\x80\0\0\0\0\x80\x80\0\0\0\0",
];

pub(crate) const FRAMES: Bytes = &[
    b"\x81\x05hello",
    b"\x01\x02he\x80\x03llo",
    b"\x89\x02hi\x8a\x00\x82\x03\x00\xff\x80",
    b"\x01\x02\xe2\x82\x89\x01?\x80\x01\xac",
    b"\x82\x7e\x00\xc9abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\
      abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\
      abcdefghijklmnopqrs",
    b"\x88\x05\x03\xe8bye\x81\x01x",
    b"\x88\x00",
    b"\x82\x7f\0\0\0\0\0\0\x02\x00",
    b"\x91\x00",
    b"\x02\x00\x00\x00\x00\x00\x80\x00",
];

pub(crate) const FRAME_WORDS: Bytes = &[
    b"\x81\x82\0\0\0\0ab",
    b"\x01\x81\0\0\0\0a",
    b"\x00\x81\0\0\0\0b",
    b"\x80\x81\0\0\0\0c",
    b"\x89\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x81\x01a",
    b"\x01\x01a",
    b"\x00\x01b",
    b"\x80\x01c",
    b"\x89\x00",
    b"\x8a\x00",
    b"\x88\x02\x03\xe8",
    b"\x82\xfe\x00\x80\0\0\0\0",
    b"\x82\x7e\x00\x80",
    b"\x82\xff\0\0\0\0\0\0\x01\0\0\0\0\0",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x82\xac",
    b"\xed\xa0\x80",
    b"\xff",
];

pub(crate) const COMPRESSED: Bytes = &[
    b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x85\0\0\0\0\xf2\x00\x11\x00\x00",
    b"\x41\x83\0\0\0\0\xf2\x48\xcd\x89\x81\0\0\0\0?\x80\x84\0\0\0\0\xc9\xc9\x07\x00\x81\x81\0\0\0\0x",
    b"\xc2\x8b\0\0\0\0\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
    b"\xc1\x88\0\0\0\0\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xc1\x81\0\0\0\0\x00",
    // A thousand zeros, which are too many.
    b"\xc2\x89\0\0\0\0\x62\x60\x18\x05\xa3\x60\x14\x0c\x00",
    b"permessage-deflate; client_max_window_bits",
    b"x, permessage-deflate; server_max_window_bits=10; server_no_context_takeover, permessage-deflate",
    b"permessage-deflate; client_max_window_bits=\"8\"; client_no_context_takeover ,, y; z = \"a, \\\"b\"",
    b"a message that is compressed, a message that is compressed, a message that is compressed",
];

pub(crate) const COMPRESSED_WORDS: Bytes = &[
    b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00",
    b"\x41\x83\0\0\0\0\xf2\x48\xcd",
    b"\x80\x84\0\0\0\0\xc9\xc9\x07\x00",
    b"\xc2\x85\0\0\0\0\xf2\x00\x11\x00\x00",
    b"\x81\x81\0\0\0\0x",
    b"\x00\x00\xff\xff",
    b"\x03\x00",
    b"permessage-deflate",
    b"server_no_context_takeover",
    b"client_no_context_takeover",
    b"server_max_window_bits=",
    b"client_max_window_bits",
    b"; ",
    b", ",
    b"\"",
    b"15",
    b"8",
];

pub(crate) const HANDSHAKES: Bytes = &[
    b"GET\nHost: h\nUpgrade: websocket\nConnection: Upgrade\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13",
    b"GET\nHost: h\nUpgrade: a, WebSocket\nConnection: keep-alive, upgrade\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n\
      Sec-WebSocket-Protocol: chat, superchat\n\
      Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x\nOrigin: http://h",
    b"GET\nHost: h\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: short\n\
      Sec-WebSocket-Version: 8",
    b"POST\nHost: h",
    b"chat\nsuperchat:\nother:",
    b"101\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    b"101\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: wrong\n\
      Sec-WebSocket-Protocol: chat",
    b"403\nContent-Length: 0",
];

pub(crate) const HANDSHAKE_WORDS: Bytes = &[
    b"\n",
    b",",
    b", ",
    b": ",
    b"GET\n",
    b"101\n",
    b"\nHost: h",
    b"\nUpgrade: websocket",
    b"\nConnection: Upgrade",
    b"\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    b"\nSec-WebSocket-Version: 13",
    b"\nSec-WebSocket-Protocol: chat",
    b"\nSec-WebSocket-Protocol: superchat, a",
    b"\nSec-WebSocket-Extensions: permessage-deflate",
    b"\nOrigin: http://h",
    b"==",
    b"\xff",
];

pub(crate) const PROXY_HEADERS: Bytes = &[
    b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n",
    b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n",
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN whatever 1 2\r\n",
    b"PROXY TCP4 192.0.2.01 198.51.100.1 056324 65536\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbbGET /",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x13\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb\x01\0\x02h2\x04\0",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
      \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\xff\xff",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x02ab",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c",
    b"GET / HTTP/1.1\r\n",
];

pub(crate) const PROXY_WORDS: Bytes = &[
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b"\r\n",
    b" 65535",
    b"::1 ",
    b"192.0.2.1 ",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x21\x11\0\x0c",
    b"\x21\x21\0\x24",
    b"\x21\x31\0\xd8",
    b"\x20",
    b"\x03\0\x04",
    b"\x04\0\x01",
];

pub(crate) const FORMS: Bytes = &[
    b"a=b&c=d+e%20f&%C3%A9=%ff&&g",
    b"theme=dark; id=\"7 8\";a = b ;c; =d; e=f=g",
    b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--\r\n",
    b"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"C:\\a\\\"b%22.txt\"\r\nContent-Type: text/plain\r\n\r\n\
      some\r\n--bytes\r\n\r\n--b\r\ncontent-disposition: form-data; name=c\r\n\r\n--b--",
    b"multipart/form-data; boundary=\"x y\"\n--x y\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--x y--",
    b"multipart/form-data; boundary=----WebKitFormBoundary7MA4\n------WebKitFormBoundary7MA4\r\n\
      Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\x00\xff\r\n\
      ------WebKitFormBoundary7MA4--\r\n",
    b"multipart/mixed; boundary=b\n--b--",
    b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--bb\r\n--b \r\n--b-\r\n--b",
];

pub(crate) const FORM_WORDS: Bytes = &[
    b"--b\r\n",
    b"\r\n--b\r\n",
    b"\r\n--b--",
    b"\r\n\r\n",
    b"Content-Disposition: form-data; name=a",
    b"; filename=\"b\"",
    b"\\\"",
    b"\\\\",
    b"%22",
    b"%0D%0A",
    b"multipart/form-data; boundary=b\n",
    b"; ",
    b"=",
    b"&",
    b"+",
    b"%",
];

pub(crate) const EVENT_STREAMS: Bytes = &[
    b"data: hello\n\n",
    b"event: news\nid: 7\nretry: 100\ndata: two\ndata: lines\n\ndata\n\n",
    b"\xef\xbb\xbf: comment\r\ndata:x\r\n\r\ndata: y\r\rid\ndata: z\n\n",
    b"id: a\0b\nunknown: field\ndata: \xff\xfe\n\nretry: 99999999999999999999\nevent: only\n\n",
    b"data: no end",
    "data: žluťoučký → 😀\nid: é\n\n".as_bytes(),
];

pub(crate) const EVENT_WORDS: Bytes = &[
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"data",
    b"data: ",
    b"data: x\n\n",
    b"event: ",
    b"id: ",
    b"id\n",
    b"retry: 1\n",
    b": ",
    b":",
    b"\xef\xbb\xbf",
    b"\0",
    b"\xff",
    b"\xe2\x82\xac",
];

/// What the first bytes mean says the property.
pub(crate) const SERVERS: Bytes = &[
    b"\0CGET / HTTP/1.1\r\nHost: h\r\n\r\n\x08",
    b"\0DGET /a HTTP/1.1\r\nHost: h\r\n\r\n\0EGET /ab HTTP/1.1\r\nHost: h\r\n\r\n FGET /abc HTTP/1.1\r\n\
      Host: h\r\n\r\nGGET /abcd HTTP/1.1\r\nHost: h\r\n\r\n \x10",
    b"\0\xb8GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n3\x81\x85\0\0\0\0hello\0\xb8GET /chat HTTP/1.1\r\n\
      Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
      \r\n0\x01\x82\0\0\0\0he1\x80\x83\0\0\0\0llo0\x88\x82\0\0\0\0\x03\xe8",
    b"\0\xe6GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n\
      5\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x005\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00 1\x41\x83\0\0\0\0\xf2\x48\xcd\x08",
    b"\x012one\ntwo\nth\x02,data)s\x15!\x08\x10",
    b"\0XPOST /abc HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n/\r\nhello\x14'''",
    b"\0VPOST /abc HTTP/1.1\r\nHost: h\r\nContent-Length: 5''/\r\n\r\nhel\x08",
];
