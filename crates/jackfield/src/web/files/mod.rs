//! A folder, or one file, as answers.

mod cache;
mod condition;
mod encoding;
mod failure;
mod path;
mod range;
mod source;
mod version;

use crate::client::{Exchange, Reply, ResponseBuilder, ResponseTarget};
use crate::message::Body;
use cache::{Cache, CachedFile};
use condition::{Condition, Stamp, Verdict};
use encoding::Encoding;
use jackfield_proto::http1::Request;
use range::{Ranges, Selected};
use source::{FileSource, PIECE_BYTES};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use version::Version;

/// A folder, or one file, as answers: with the right media type, `ETag` and `Last-Modified`, the `If-` headers, ranges
/// (several too), and files that are compressed already (feature `files`).
///
/// Files are opened and read on the pool of [`Handle::offload`](crate::Handle::offload), in pieces of 64 KiB, each when the
/// connection has taken the one before; no reactor waits for a disk. If too many jobs wait there, the answer is 503. If a
/// file changes while it is sent, the connection is reset, so that the peer does not mix two versions. A peer that closes its
/// side behind its request gets the whole file, whether it is cached or not; [`Limits::answer_timeout`](crate::Limits::answer_timeout)
/// bounds the wait for the disk.
///
/// On Linux, files of up to 1 MiB are cached in memory ([`Files::cache`]). The reactor itself answers with a cached file, after
/// it has checked that the file has not changed. This check never waits for a disk.
///
/// The `ETag` is made of a file's length and its time of modification. A time before 1981, to which tools such as Nix or OSTree
/// set all files, identifies no version: then there is no `Last-Modified`, and on Unix the `ETag` has the time of the last
/// change of anything in the file's inode. `If-Range` takes the `ETag`; with a date it gets the whole file, because a file may
/// change twice in a second.
///
/// These paths are 404: paths with `..`, an empty segment, a NUL, a backslash, `%2F`, or a segment that begins with `.`; paths
/// that are not UTF-8 when they are decoded; paths that are not a file, such as a device; and symbolic links that lead out
/// of the folder. A user who can change the folder while the server runs can get around the last rule. If the process may open
/// no more files, the answer is 503; if a file can't be opened for another reason, it is 500, and that is logged.
///
/// ```no_run
/// use jackfield::{Client, Exchange, Files, Request, Server};
///
/// struct Page {
///     files: Files,
/// }
///
/// impl Client for Page {
///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
///         self.files.answer(exchange, request);
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let files = Files::folder("public")?.precompressed(true);
///     Server::bind("127.0.0.1:8080")?.serve(move |_peer| Page { files: files.clone() })?;
///     Ok(())
/// }
/// ```
#[doc(alias = "ServeDir")]
#[doc(alias = "send_file")]
#[derive(Clone, Debug)]
pub struct Files(Arc<Options>);

#[derive(Clone, Debug)]
struct Options {
    /// The folder's path, without links.
    root: PathBuf,
    is_file: bool,
    index: Option<String>,
    cache_control: Option<String>,
    headers: Vec<(String, String)>,
    precompressed: bool,
    links_out: bool,
    hidden: bool,
    cache: Arc<Cache>,
}

/// The default bound of the cache.
const CACHE_BYTES: usize = 16 << 20;

impl Files {
    /// The files of a folder and of those below it.
    ///
    /// # Errors
    /// It is not a folder, or can't be read.
    pub fn folder(path: impl AsRef<Path>) -> io::Result<Self> {
        let root = fs::canonicalize(path)?;
        match root.is_dir() {
            true => Ok(Self::new(root, false)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// One file, for every path.
    ///
    /// # Errors
    /// It is not a file, or can't be read.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let root = fs::canonicalize(path)?;
        match root.is_file() {
            true => Ok(Self::new(root, true)),
            false => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn new(root: PathBuf, is_file: bool) -> Self {
        let index = Some("index.html".into());
        let (cache_control, precompressed, links_out, hidden) = (None, false, false, false);
        let cache = Arc::new(Cache::new(CACHE_BYTES));
        Self(Arc::new(Options {
            root,
            is_file,
            index,
            cache_control,
            headers: Vec::new(),
            precompressed,
            links_out,
            hidden,
            cache,
        }))
    }

    /// The most bytes that cached files may take in memory, for all clones together. Default: 16 MiB. Disabled by zero.
    ///
    /// A file is cached when it is first sent whole, if it takes at most an eighth of these bytes and at most 1 MiB, and if
    /// its last change was more than 20 ms ago (3 s on file systems that know only whole seconds). Before each answer its
    /// device, inode, length and times are compared, so a changed file is read again. The oldest files that are not
    /// being sent make room for new ones. Ranges, compressed neighbours and paths with a symbolic link always need the
    /// pool. With [`Files::precompressed`] a file without compressed neighbours needs it again after a change in its folder. Other
    /// systems than Linux have no cache.
    #[must_use]
    pub fn cache(self, bytes: usize) -> Self {
        self.with(|options| options.cache = Arc::new(Cache::new(bytes)))
    }

    /// The file that is served for a folder; `None`: a folder is 404. Default: `index.html`.
    #[must_use]
    pub fn index(self, name: Option<&str>) -> Self {
        self.with(|options| options.index = name.map(str::to_owned))
    }

    /// The value of `Cache-Control` in answers with a file, and in a 304. Default: none.
    #[must_use]
    pub fn cache_control(self, value: &str) -> Self {
        self.with(|options| options.cache_control = Some(value.into()))
    }

    /// A header line in each answer for a file that is there, such as `X-Content-Type-Options: nosniff` for files that others
    /// have uploaded. May be repeated. A line that can't be written, or that these answers have already (`Content-Type`, `ETag`,
    /// `Last-Modified`), makes them a 500. Default: none.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|options| options.headers.push((name.into(), value.into())))
    }

    /// Whether `a.js.br`, `a.js.zst` or `a.js.gz` beside `a.js` is sent instead to peers that accept it, in this order. Several ranges
    /// of such a file are sent as the whole file. Default: no.
    #[must_use]
    pub fn precompressed(self, precompressed: bool) -> Self {
        self.with(|options| options.precompressed = precompressed)
    }

    /// Whether symbolic links may lead out of the folder. Default: no.
    #[must_use]
    pub fn links_out(self, allowed: bool) -> Self {
        self.with(|options| options.links_out = allowed)
    }

    /// Whether names that begin with `.` are served. Default: no.
    #[must_use]
    pub fn hidden(self, served: bool) -> Self {
        self.with(|options| options.hidden = served)
    }

    fn with(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Arc::unwrap_or_clone(self.0);
        change(&mut options);
        Self(Arc::new(options))
    }

    /// Answers with the file at the path of the request. Methods other than GET and HEAD are 405.
    pub fn answer(&self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.answer_at(exchange, request, request.path());
    }

    /// Answers with the file at this path, which is not decoded yet, for example the rest after a prefix. It may begin with `/`
    /// or not. If it is empty and the path of the request has no slash at its end, that is a redirect to the same path with one.
    pub fn answer_at(&self, exchange: Exchange<'_>, request: &Request<'_>, path: &str) {
        if !matches!(request.method(), "GET" | "HEAD") {
            // The line can be written.
            let _ = exchange.response(405).header("Allow", "GET, HEAD").body("", "");
            return;
        }
        let relative =
            if self.0.is_file { Some(PathBuf::new()) } else { path::relative(path, self.0.hidden) };
        let Some(relative) = relative else { return exchange.not_found() };
        let is_folder = path.ends_with('/') || path.is_empty() && request.path().ends_with('/');
        let condition = Condition::of(request);
        // Only GET has ranges (RFC 9110 section 14.2).
        let range = request.header_str("range").filter(|_| request.method() == "GET");
        let ranges = range.and_then(Ranges::parse);
        let encodings = if self.0.precompressed { encoding::accepted(request) } else { Vec::new() };
        if ranges.is_none() {
            if let Some(cached) = self.0.cached(&relative, is_folder, !encodings.is_empty()) {
                return self.0.answer_from_cache(exchange, &cached, &condition);
            }
        }
        let asked = FileRequest {
            options: self.0.clone(),
            relative,
            is_folder,
            here: request.path().into(),
            query: request.query().map(str::to_owned),
            is_head: request.method() == "HEAD",
            condition,
            ranges,
            encodings,
        };
        let handle = exchange.handle();
        let mut work = Some((asked, exchange.defer_file()));
        handle.shared().pool.submit(|| {
            let work = work.take();
            Box::new(move || work.into_iter().for_each(|(asked, reply)| asked.answer(reply)))
        });
        if let Some((_, reply)) = work {
            // The line can be written.
            let _ = reply.response(503).header("Retry-After", 1).body("", "");
        }
    }
}

impl Options {
    /// The folder that no file may be outside of.
    fn folder(&self) -> &Path {
        match self.root.parent() {
            Some(folder) if self.is_file => folder,
            _ => &self.root,
        }
    }

    /// The file at a path, if it is cached and has not changed; for a client that takes its compressed neighbours, if it has none.
    fn cached(&self, relative: &Path, is_folder: bool, takes_neighbours: bool) -> Option<Arc<CachedFile>> {
        let path = match &self.index {
            // Its path is the root's own.
            _ if self.is_file => self.root.clone(),
            Some(index) if is_folder => self.root.join(relative).join(index),
            None if is_folder => return None,
            _ => self.root.join(relative),
        };
        self.cache.find(&path).filter(|cached| !takes_neighbours || cached.is_alone(&path))
    }

    /// Answers with a cached file.
    fn answer_from_cache(&self, exchange: Exchange<'_>, cached: &CachedFile, condition: &Condition) {
        let (status, kind, body) = match condition.verdict(&cached.etag, &cached.stamp) {
            Verdict::Go => (200, &*cached.content_type, Body::Shared(cached.body.clone())),
            Verdict::Answer(status) => (status, "", Body::Borrowed(&[])),
        };
        let answer = exchange.response(status);
        let last_modified = cached.last_modified.as_deref();
        // Lines that can't be written have become a 500.
        let _ = self.describe(answer, status, &cached.etag, last_modified, None).body(kind, body);
    }

    /// Adds the header lines of an answer for a file. A refusal has fewer: it must not be cached, and has no body.
    fn describe<T: ResponseTarget>(
        &self,
        answer: ResponseBuilder<T>,
        status: u16,
        etag: &str,
        last_modified: Option<&str>,
        encoding: Option<&str>,
    ) -> ResponseBuilder<T> {
        let own = self.headers.iter();
        let answer = own.fold(answer, |answer, (name, value)| answer.header(name, &**value));
        let mut answer = answer.header("ETag", etag).header("Accept-Ranges", "bytes");
        if let Some(modified) = last_modified {
            answer = answer.header("Last-Modified", modified);
        }
        if self.precompressed {
            answer = answer.header("Vary", "Accept-Encoding");
        }
        if status >= 400 {
            return answer;
        }
        if let Some(encoding) = encoding {
            answer = answer.header("Content-Encoding", encoding);
        }
        match &self.cache_control {
            Some(value) => answer.header("Cache-Control", value),
            None => answer,
        }
    }
}

/// The parts of a request that the pool needs.
struct FileRequest {
    options: Arc<Options>,
    relative: PathBuf,
    /// The path ends with a slash.
    is_folder: bool,
    /// The path as it was sent.
    here: String,
    query: Option<String>,
    is_head: bool,
    condition: Condition,
    ranges: Option<Ranges>,
    /// The encodings that the client accepts, the best first.
    encodings: Vec<&'static Encoding>,
}

/// An open file, and its encoding.
struct Opened {
    file: File,
    stamp: Stamp,
    encoding: Option<&'static Encoding>,
}

impl FileRequest {
    fn answer(self, reply: Reply) {
        let opened = match self.find() {
            Ok(Entry::File(found)) => self.open(&found).map(|opened| (found, opened)),
            Ok(Entry::Folder) => {
                reply.redirect(308, &self.with_slash());
                return;
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok((found, opened)) => self.send(reply, &found, opened),
            Err(error) => failure::answer(reply, &self.here, &error),
        }
    }

    /// The location of a folder. Two slashes in front would begin the name of a host, and browsers take a backslash for one.
    fn with_slash(&self) -> String {
        let path = self.here.trim_start_matches(['/', '\\']);
        match &self.query {
            Some(query) => format!("/{path}/?{query}"),
            None => format!("/{path}/"),
        }
    }

    fn find(&self) -> io::Result<Entry> {
        if self.options.is_file {
            let root = &self.options.root;
            return Ok(Entry::File(Found { name: root.clone(), path: root.clone() }));
        }
        let found = self.locate(self.options.root.join(&self.relative))?;
        match fs::metadata(&found.path)?.is_dir() {
            false if self.is_folder => Err(io::ErrorKind::NotADirectory.into()),
            false => Ok(Entry::File(found)),
            true if !self.is_folder => Ok(Entry::Folder),
            true => {
                let index = self.options.index.as_ref().ok_or(io::ErrorKind::IsADirectory)?;
                Ok(Entry::File(self.locate(found.name.join(index))?))
            }
        }
    }

    fn locate(&self, name: PathBuf) -> io::Result<Found> {
        let path = self.confined(&name)?;
        Ok(Found { name, path })
    }

    /// The target of a path, if it stays below the root.
    fn confined(&self, path: &Path) -> io::Result<PathBuf> {
        if self.options.links_out {
            return Ok(path.into());
        }
        let path = fs::canonicalize(path)?;
        if path.starts_with(self.options.folder()) { Ok(path) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open(&self, found: &Found) -> io::Result<Opened> {
        for encoding in &self.encodings {
            let neighbour = encoding.beside(&found.name);
            if let Ok(Ok(file)) = self.confined(&neighbour).map(|path| open_file(&path)) {
                let stamp = Stamp::of(&file)?;
                return Ok(Opened { file, stamp, encoding: Some(encoding) });
            }
        }
        let file = open_file(&found.path)?;
        let stamp = Stamp::of(&file)?;
        Ok(Opened { file, stamp, encoding: None })
    }

    fn send(self, reply: Reply, found: &Found, opened: Opened) {
        let Opened { file, stamp, encoding } = opened;
        let encoding = encoding.map(Encoding::name);
        let path = &found.path;
        let (etag, last_modified) = (stamp.etag(encoding), stamp.last_modified());
        let describe = |status| {
            let answer = reply.response(status);
            self.options.describe(answer, status, &etag, last_modified.as_deref(), encoding)
        };
        let content_type = media_type(&found.name);
        if let Verdict::Answer(status) = self.condition.verdict(&etag, &stamp) {
            // Lines that can't be written have become a 500.
            let _ = describe(status).body("", "");
            if encoding.is_none() && !found.is_link() {
                self.note_alone(path, &file);
            }
            return;
        }
        let wanted = self.ranges.as_ref().filter(|_| self.condition.takes_range(&etag));
        let selected = match wanted.map_or(Selected::All, |ranges| ranges.select(stamp.bytes)) {
            // The parts would have the encoding, and the body that holds them would not.
            Selected::Several(_) if encoding.is_some() => Selected::All,
            selected => selected,
        };
        let boundary = format!("jackfield{:016x}", stamp.hash());
        let (status, kind, pieces) = match &selected {
            Selected::All => (200, content_type.clone(), source::whole(stamp.bytes)),
            Selected::None => (416, String::new(), Vec::new()),
            Selected::One(range) => (206, content_type.clone(), source::one(range)),
            Selected::Several(ranges) => {
                let kind = format!("multipart/byteranges; boundary={boundary}");
                (206, kind, source::multipart_pieces(ranges, stamp.bytes, &boundary, &content_type))
            }
        };
        let mut answer = describe(status);
        if let Some(range) = selected.content_range(stamp.bytes) {
            answer = answer.header("Content-Range", range);
        }
        let source = FileSource::new(file, stamp, pieces);
        let cache = &self.options.cache;
        let may_be_cached =
            selected == Selected::All && encoding.is_none() && !self.is_head && !found.is_link();
        if let Some(version) = may_be_cached.then(|| source.version()).flatten() {
            let alone_in =
                || self.options.precompressed.then(|| encoding::without_neighbours(path)).flatten();
            if let Some(cached) = cache.at_version(path, &version) {
                return send_again(answer, cache, path, &cached, alone_in());
            }
            if cache.make_room(path, stamp.bytes) {
                let (alone_in, body) = (alone_in(), Arc::new([]));
                let cached = CachedFile { version, alone_in, stamp, content_type, etag, last_modified, body };
                return send_and_cache(answer, cache, path, source, cached);
            }
        }
        send_source(answer, path, &kind, source, self.is_head);
    }
}

impl FileRequest {
    /// If a file is cached, notes in which version of its folder it has no compressed neighbours: the next request for it, or for
    /// whether it has changed, needs no pool then.
    fn note_alone(&self, path: &Path, file: &File) {
        let cache = &self.options.cache;
        let is_cached =
            || Version::settled(file).is_some_and(|version| cache.at_version(path, &version).is_some());
        if self.options.precompressed && is_cached() {
            cache.note_alone(path, encoding::without_neighbours(path));
        }
    }
}

/// Sends a file that is cached, and notes in which version of its folder it has no compressed neighbours, if that was found.
fn send_again(
    answer: ResponseBuilder<Reply>,
    cache: &Cache,
    path: &Path,
    cached: &CachedFile,
    alone_in: Option<Version>,
) {
    if alone_in.is_some() {
        cache.note_alone(path, alone_in);
    }
    // Lines that can't be written have become a 500.
    let _ = answer.body(&cached.content_type, cached.body.clone());
}

/// Sends a file for which the cache has room, and caches it.
fn send_and_cache(
    answer: ResponseBuilder<Reply>,
    cache: &Cache,
    path: &Path,
    mut source: FileSource,
    mut cached: CachedFile,
) {
    let length = source.bytes_left();
    // Lines that can't be written have become a 500.
    let _ = match source.read_all() {
        Ok(bytes) if source.version() == Some(cached.version) => {
            cached.body = bytes.into();
            let answered = answer.body(&cached.content_type, cached.body.clone());
            cache.insert(path.into(), cached);
            answered
        }
        read => {
            cache.cancel_room(length);
            match read {
                Ok(bytes) => answer.body(&cached.content_type, bytes),
                Err(error) => failure::end(answer, path, &error),
            }
        }
    };
}

/// Sends a small file at once, and a large one piece by piece.
fn send_source(
    answer: ResponseBuilder<Reply>,
    path: &Path,
    kind: &str,
    mut source: FileSource,
    is_head: bool,
) {
    let bytes = source.bytes_left();
    // An error means that a header line can't be written: the answer is a 500.
    if bytes <= PIECE_BYTES as u64 && !is_head {
        let _ = match source.read_all() {
            Ok(body) => answer.body(kind, body),
            Err(error) => failure::end(answer, path, &error),
        };
    } else if let Ok(stream) = answer.stream(kind, Some(bytes)) {
        match is_head {
            true => stream.finish(),
            false => stream.pull(Box::new(source)),
        }
    }
}

enum Entry {
    File(Found),
    /// A folder, but the path has no slash at its end.
    Folder,
}

struct Found {
    /// The path that was asked for. Its name says what the file is, and what is beside it.
    name: PathBuf,
    /// Where the file is: elsewhere if a symbolic link leads to it.
    path: PathBuf,
}

impl Found {
    /// Then it is not cached: the cache finds files by their own paths.
    fn is_link(&self) -> bool {
        self.name != self.path
    }
}

/// Opens a path only if it is a file, because opening something else may block, or have effects.
fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// The media type by the name. Text counts as UTF-8.
fn media_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    let is_text = guess.starts_with("text/") || matches!(guess, "application/javascript" | "image/svg+xml");
    if is_text { format!("{guess}; charset=utf-8") } else { guess.into() }
}
