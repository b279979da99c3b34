//! Symbolic links in a folder, prefixes of its paths, and parts of compressed files.

use super::*;

/// What the file is called where the link leads says nothing of it.
#[cfg(unix)]
#[test]
fn h11_a_link_gives_a_file_its_name() {
    let folder =
        Folder::new(&[("store/3fa9", b"code"), ("app.js.br", b"brotli"), ("store/3fa9.br", b"other")]);
    std::os::unix::fs::symlink(folder.root().join("store/3fa9"), folder.root().join("app.js")).unwrap();
    for links_out in [false, true] {
        let files = Files::folder(folder.root()).unwrap().links_out(links_out).precompressed(true);
        let mut server = serve(files);
        for (path, accepts, kind, body) in [
            ("/app.js", "", "text/javascript; charset=utf-8", "code"),
            ("/app.js", "br", "text/javascript; charset=utf-8", "brotli"),
            ("/store/3fa9", "", "application/octet-stream", "code"),
            ("/app.js", "", "text/javascript; charset=utf-8", "code"),
            ("/store/3fa9", "br", "application/octet-stream", "other"),
        ] {
            let (head, found) = ask(&mut server, "GET", path, &format!("Accept-Encoding: {accepts}\r\n"));
            assert_eq!(
                (line(&head, "Content-Type"), &*text(&found)),
                (kind, body),
                "{path} {accepts} {links_out}"
            );
        }
    }
}

/// Relative links of the page would lead elsewhere.
#[test]
fn h11_a_prefix_without_a_slash_is_redirected() {
    struct Below(Files);
    impl Client for Below {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            self.0.answer_at(exchange, request, request.path().strip_prefix("/static").unwrap());
        }
    }
    let folder = usual();
    let files = Files::folder(folder.root()).unwrap();
    let mut server = TestServer::new(move |_peer| Below(files.clone()));
    let (head, _) = check(&mut server, "/static", 308);
    assert_eq!(line(&head, "Location"), "/static/");
    assert_eq!(check(&mut server, "/static/", 200).1, b"<p>home");
}

/// The parts would be compressed, and the body with their heads would not.
#[test]
fn h11_several_parts_of_a_compressed_file_are_all_of_it() {
    let folder = usual();
    folder.write("a.txt.gz", b"gzipped");
    let mut server = serve(Files::folder(folder.root()).unwrap().precompressed(true));
    for (ranges, accepts, status, body) in
        [("0-0,4-4", "gzip", 200, "gzipped"), ("1-3", "gzip", 206, "zip"), ("1-3", "", 206, "123")]
    {
        let lines = format!("Range: bytes={ranges}\r\nAccept-Encoding: {accepts}\r\n");
        let (head, found) = ask(&mut server, "GET", "/a.txt", &lines);
        assert_eq!((statuses(head.as_bytes()), &*text(&found)), (vec![status], body), "{ranges} {accepts}");
    }
}
