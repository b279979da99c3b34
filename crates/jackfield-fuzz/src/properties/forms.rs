//! Query strings, cookies and forms.

use crate::log::Log;
use crate::tally::{count_round_trips, hash};
use jackfield_proto::forms::{Multipart, MultipartError, Part, cookies, urlencoded};

/// The bytes as pairs, as cookies, and, behind a first line that is their type, as a form with parts: what is read, written
/// and read again is the same, and lies in the bytes.
pub fn forms(data: &[u8]) {
    let mut log = Log::default();
    pairs(data, &mut log);
    cookie_field(data, &mut log);
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (first, body) = data.split_at(end);
    match std::str::from_utf8(first) {
        Ok(content_type) if content_type.starts_with("multipart/") => {
            parts(content_type, body.get(1..).unwrap_or_default(), &mut log);
        }
        _ => parts("multipart/form-data; boundary=b", data, &mut log),
    }
}

fn pairs(data: &[u8], log: &mut Log) {
    let mut written = String::new();
    for (name, value) in urlencoded(data) {
        log.note("pair", "");
        written += &format!("&{}={}", escape(&name), escape(&value));
    }
    assert!(urlencoded(written.as_bytes()).eq(urlencoded(data)), "{written}");
    count_round_trips(1);
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn cookie_field(data: &[u8], log: &mut Log) {
    let mut written = String::new();
    for (name, value) in cookies(data) {
        log.note("cookie", "");
        assert!(!name.is_empty() && !name.contains(['=', ';']) && !value.contains(';'));
        written += &format!("{name}={value}; ");
    }
    assert!(cookies(written.as_bytes()).eq(cookies(data)), "{written}");
    count_round_trips(1);
}

fn parts(content_type: &str, body: &[u8], log: &mut Log) {
    let form = match Multipart::new(content_type, body) {
        Ok(form) => form,
        Err(error) => return log.fault(error),
    };
    let (mut found, mut has_failed) = (Vec::new(), false);
    for part in form {
        assert!(!has_failed, "a part comes after an error");
        match part {
            Ok(part) => {
                log.note("part", if part.filename().is_some() { "file" } else { "field" });
                found.push(part);
            }
            Err(error) => {
                assert_ne!(error, MultipartError::MediaType);
                log.fault(error);
                has_failed = true;
            }
        }
    }
    let bytes: usize = found.iter().map(|part| part.body().len()).sum();
    assert!(bytes <= body.len(), "the parts are longer than the form");
    write_again(&found);
}

/// The parts between boundaries that none of them has in it.
fn write_again(parts: &[Part<'_>]) {
    let all: Vec<u8> = parts.iter().flat_map(|part| part.body().iter().copied()).collect();
    let boundary = format!("{:016x}", hash(&all));
    if all.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
        return;
    }
    let mut written = Vec::new();
    for part in parts {
        let filename = part.filename().map_or(String::new(), |name| format!("; filename={}", quoted(name)));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name={}{filename}\r\n",
            quoted(part.name())
        );
        for piece in [head.as_bytes(), b"\r\n", part.body(), b"\r\n"] {
            written.extend_from_slice(piece);
        }
    }
    written.extend_from_slice(format!("--{boundary}--").as_bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let again = Multipart::new(&content_type, &written).expect("it begins with its boundary");
    let again: Vec<Part<'_>> = again.map(|part| part.expect("it was read before")).collect();
    let shown =
        |part: &Part<'_>| (part.name().to_owned(), part.filename().map(str::to_owned), part.body().to_vec());
    assert!(again.iter().map(shown).eq(parts.iter().map(shown)), "{:?}", written.escape_ascii().to_string());
    count_round_trips(parts.len() as u64);
}

/// As browsers do it, and with the backslashes doubled that would else be one.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    format!("\"{text}\"")
}
