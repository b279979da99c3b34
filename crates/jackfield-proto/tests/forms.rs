//! Query strings, cookies and forms (H18).

use jackfield_proto::forms::{
    BOUNDARY_BYTES_MAX, Multipart, MultipartError, cookies, is_urlencoded, query, urlencoded,
};

#[test]
fn pairs_are_decoded() {
    for (text, want) in [
        ("", ""),
        ("a=b", "a=b;"),
        ("a=b&c=d&a=e", "a=b;c=d;a=e;"),
        ("a", "a=;"),
        ("=b", "=b;"),
        ("&&a=b&", "a=b;"),
        ("a=b=c", "a=b=c;"),
        ("q=a+b%20c%2B", "q=a b c+;"),
        ("%61%3D=%26", "a==&;"),
        ("q=%C3%A9\u{e9}", "q=\u{e9}\u{e9};"),
        // What is no escape stays, and what is no text is seen to be none.
        ("q=%&r=%4&s=%zz", "q=%;r=%4;s=%zz;"),
        ("q=%ff%00", "q=\u{fffd}\0;"),
    ] {
        for pairs in [query(text), urlencoded(text.as_bytes())] {
            let got: String = pairs.map(|(name, value)| format!("{name}={value};")).collect();
            assert_eq!(got, want, "{text}");
        }
    }
    let borrowed = query("name=value").next().unwrap();
    assert!(matches!(borrowed, (std::borrow::Cow::Borrowed("name"), std::borrow::Cow::Borrowed("value"))));
    assert_eq!(format!("{:?}", query("a=b")), r#"{"a": "b"}"#);
}

#[test]
fn media_types_have_no_case_and_parameters() {
    for (content_type, is_form) in [
        ("application/x-www-form-urlencoded", true),
        ("Application/X-WWW-Form-Urlencoded ; charset=utf-8", true),
        ("application/x-www-form-urlencoded-2", false),
        ("text/plain; application/x-www-form-urlencoded", false),
        ("", false),
    ] {
        assert_eq!(is_urlencoded(content_type), is_form, "{content_type}");
    }
}

#[test]
fn cookies_come_as_they_were_sent() {
    for (field, want) in [
        (&b""[..], ""),
        (b"a=b", "a=b|"),
        (b"a=b; c=d;e=f", "a=b|c=d|e=f|"),
        (b" a = b ;\tc=d\t", "a=b|c=d|"),
        (b"a=b; a=c", "a=b|a=c|"),
        (b"a=", "a=|"),
        (b"a=b=c", "a=b=c|"),
        (b"a=\"b c\"; d=%20", "a=\"b c\"|d=%20|"),
        (b"$Version=1; a=b", "$Version=1|a=b|"),
        (b"caf\xc3\xa9=\xc3\xa9", "caf\u{e9}=\u{e9}|"),
        // Pieces that are none.
        (b";;a=b;", "a=b|"),
        (b"a; b=c", "b=c|"),
        (b"=a; b=c", "b=c|"),
        (b"a=\xff; b=c", "b=c|"),
    ] {
        let got: String = cookies(field).map(|(name, value)| format!("{name}={value}|")).collect();
        assert_eq!(got, want, "{}", field.escape_ascii());
    }
}

/// The parts in words, and the error if there is one.
fn read(content_type: &str, body: &[u8]) -> String {
    let parts = match Multipart::new(content_type, body) {
        Ok(parts) => parts,
        Err(error) => return format!("{error:?}"),
    };
    let mut words = String::new();
    for part in parts {
        match part {
            Ok(part) => {
                words += part.name();
                words += &part.filename().map_or(String::new(), |name| format!("<{name}>"));
                words += &part.content_type().map_or(String::new(), |kind| format!("({kind})"));
                words += &format!("={} ", part.body().escape_ascii());
            }
            Err(error) => words += &format!("{error:?} "),
        }
    }
    words.trim_end().to_owned()
}

/// A part's header with this disposition.
fn part(disposition: &str, content: &str) -> String {
    format!("Content-Disposition: {disposition}\r\n\r\n{content}")
}

#[test]
fn parts_of_forms() {
    let a = part("form-data; name=a", "1");
    let b = part("form-data; name=\"b\"; filename=\"b.txt\"", "2\r\n--x\r\n-\r\n");
    let typed = "content-type: image/png\r\nContent-Disposition: form-data; name=c; filename=\"\"\r\n\r\n\0\u{e9}\r\n";
    for (body, want) in [
        (format!("--b\r\n{a}\r\n--b--\r\n"), "a=1"),
        (format!("--b\r\n{a}\r\n--b--"), "a=1"),
        (format!("\r\n--b\r\n{a}\r\n--b--epilogue"), "a=1"),
        (
            format!("--b\r\n{a}\r\n--b\r\n{b}\r\n--b\r\n{typed}\r\n--b--\r\n"),
            r"a=1 b<b.txt>=2\r\n--x\r\n-\r\n c<>(image/png)=\x00\xc3\xa9\r\n",
        ),
        ("--b--\r\n".to_owned(), ""),
        // Contents that are empty, with and without the empty line.
        (format!("--b\r\n{}\r\n--b--", part("form-data; name=a", "")), "a="),
        ("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--b--".to_owned(), "a="),
        // What looks like a boundary.
        (
            format!("--b\r\n{a}\r\n--bb\r\n--b \r\n--b\r\r\n--b-\r\n--b--"),
            r"a=1\r\n--bb\r\n--b \r\n--b\r\r\n--b-",
        ),
        (format!("--b\r\n{a}\n--b\n--b--\r\n--b--"), r"a=1\n--b\n--b--"),
        // What is cut off.
        (String::new(), "Truncated"),
        ("--".to_owned(), "Truncated"),
        ("--b".to_owned(), "Truncated"),
        ("--b\r".to_owned(), "Truncated"),
        ("--b\r\n".to_owned(), "Truncated"),
        (format!("--b\r\n{a}"), "Truncated"),
        (format!("--b\r\n{a}\r\n--b"), "Truncated"),
        (format!("--b\r\n{a}\r\n--b-"), "Truncated"),
        (format!("--b\r\n{a}\r\n--b\r\n"), "a=1 Truncated"),
        (format!("--b\r\n{a}\r\n--b\r\n{a}"), "a=1 Truncated"),
        // What does not belong there.
        (format!("preamble\r\n--b\r\n{a}\r\n--b--"), "Delimiter"),
        (format!("--c\r\n{a}\r\n--c--"), "Delimiter"),
        (format!("--b \r\n{a}\r\n--b--"), "Delimiter"),
        (format!("--b\n{a}\r\n--b--"), "Delimiter"),
    ] {
        assert_eq!(read("multipart/form-data; boundary=b", body.as_bytes()), want, "{}", body.escape_debug());
    }
}

/// The fault: a boundary with a colon in it, within the header of a part, was taken for a field of that header.
#[test]
fn a_boundary_in_a_header_ends_the_part() {
    let a = part("form-data; name=a", "1");
    for body in [
        format!("--b:c\r\nX: y\r\n--b:c\r\n{a}\r\n--b:c--"),
        format!("--b:c\r\n--b:c\r\n{a}\r\n--b:c--"),
        format!("--b:c\r\nX: y\r\n--b:c--\r\n{a}\r\n--b:c--"),
    ] {
        assert_eq!(read("multipart/form-data; boundary=\"b:c\"", body.as_bytes()), "Head", "{body}");
    }
}

#[test]
fn headers_of_parts() {
    for (head, want) in [
        ("Content-Disposition: form-data; name=\"\"", "=1"),
        ("CONTENT-DISPOSITION: Form-Data;NAME=a ; x=y", "a=1"),
        ("Content-Disposition:form-data; name=\"a;b\"", "a;b=1"),
        ("Content-Disposition: form-data; name=\"\u{e9}\"; filename=\"\u{e9}\"", "\u{e9}<\u{e9}>=1"),
        ("Content-Disposition: form-data; ; name=a ;", "a=1"),
        // As browsers escape it, and as others do.
        ("Content-Disposition: form-data; name=\"a%22%0D%0A%25\"", "a\"\r\n%25=1"),
        (
            r#"Content-Disposition: form-data; name="a\"b\\c"; filename="C:\dir\n.txt""#,
            r#"a"b\c<C:\dir\n.txt>=1"#,
        ),
        (r#"Content-Disposition: form-data; name="\\\"""#, r#"\"=1"#),
        // The form of RFC 5987 is not for forms (RFC 7578, section 4.2).
        ("Content-Disposition: form-data; name=a; filename*=utf-8''b", "a=1"),
        ("X-Other: y\r\nContent-Disposition: form-data; name=a\r\nContent-Type: text/html", "a(text/html)=1"),
        // Without a name, or with two.
        ("Content-Type: text/plain", "Disposition"),
        ("Content-Disposition: form-data", "Disposition"),
        ("Content-Disposition: form-data; filename=a", "Disposition"),
        ("Content-Disposition: attachment; name=a", "Disposition"),
        ("Content-Disposition: form-data; name=a; name=b", "Disposition"),
        ("Content-Disposition: form-data; name=a; filename=b; filename=c", "Disposition"),
        ("Content-Disposition: form-data; name=a\r\ncontent-disposition: form-data; name=b", "Disposition"),
        ("Content-Disposition: form-data; name=\"a", "Disposition"),
        ("Content-Disposition: form-data; name=a b", "Disposition"),
        ("Content-Disposition: form-data; name=", "Disposition"),
        ("Content-Disposition: form-data; name", "Disposition"),
        ("Content-Disposition: form-data; name=a b;", "Disposition"),
        // No header.
        ("Content-Disposition : form-data; name=a", "Head"),
        (" Content-Disposition: form-data; name=a", "Head"),
        ("Content-Disposition: form-data; name=a\nX: y", "Head"),
        ("Content-Disposition: form-data; name=a\r\n folded", "Head"),
        ("Content-Disposition: form-data; name=\"a\0\"", "Head"),
        ("no colon", "Head"),
    ] {
        let body = format!("--b\r\n{head}\r\n\r\n1\r\n--b--");
        assert_eq!(read("multipart/form-data; boundary=b", body.as_bytes()), want, "{head}");
    }
    let bare = b"--b\r\n\r\n1\r\n--b--";
    assert_eq!(read("multipart/form-data; boundary=b", bare), "Disposition");
    let body = b"--b\r\nContent-Disposition: form-data; name=a\r\nX-Y:  z \r\n\r\n\r\n--b--";
    let part = Multipart::new("multipart/form-data; boundary=b", body).unwrap().next().unwrap().unwrap();
    assert_eq!((part.header("x-y"), part.header("z"), part.content_type()), (Some(&b"z"[..]), None, None));
    let text = b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n1\r\n--b--";
    assert_eq!(read("multipart/form-data; boundary=b", text), "Disposition");
}

#[test]
fn boundaries() {
    let longest = "x".repeat(BOUNDARY_BYTES_MAX);
    for (content_type, boundary) in [
        ("multipart/form-data; boundary=b".to_owned(), Ok("b")),
        (
            "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b'()+_,-./:=?\"".to_owned(),
            Ok("a b'()+_,-./:=?"),
        ),
        (
            "multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW".to_owned(),
            Ok("----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        ),
        (format!("multipart/form-data; boundary={longest}"), Ok(longest.as_str())),
        (format!("multipart/form-data; boundary={longest}x"), Err(MultipartError::Boundary)),
        ("multipart/form-data".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=\"\"".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=\"b \"".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=\"b\\\"c\"".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=b; boundary=c".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=b/c".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/form-data; boundary=b, text/plain".to_owned(), Err(MultipartError::Boundary)),
        ("multipart/mixed; boundary=b".to_owned(), Err(MultipartError::MediaType)),
        ("application/x-www-form-urlencoded".to_owned(), Err(MultipartError::MediaType)),
        (String::new(), Err(MultipartError::MediaType)),
    ] {
        let name = boundary.unwrap_or("b");
        let body = format!("--{name}\r\n{}\r\n--{name}--", part("form-data; name=a", "1"));
        let want = boundary.map_or_else(|error| format!("{error:?}"), |_| "a=1".to_owned());
        assert_eq!(read(&content_type, body.as_bytes()), want, "{content_type}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    use MultipartError::{Boundary, Delimiter, Disposition, Head, MediaType, Truncated};
    let errors = [MediaType, Boundary, Delimiter, Head, Disposition, Truncated];
    let mut sentences: Vec<String> = errors.iter().map(ToString::to_string).collect();
    sentences.sort_unstable();
    sentences.dedup();
    assert_eq!(sentences.len(), errors.len());
    assert_eq!(errors.map(MultipartError::status), [415, 400, 400, 400, 400, 400]);
}
