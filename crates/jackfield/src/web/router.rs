//! From paths to the user's own routes.

mod websocket_paths;

use crate::client::Exchange;
use jackfield_proto::http1::Request;
use memchr::{memchr, memrchr};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

/// From paths and methods to routes of your own type, such as an enum. Make it once, when the server starts. It only
/// finds the route of a request; your code handles it.
///
/// `{name}` stands for one segment, `{*name}` for the rest of the path, which is not empty. A static segment has
/// priority over `{name}` and `{*name}`; these two at the same place are an error. Paths are matched as they were sent,
/// so an escaped `/` does not split a segment; parameters are decoded.
///
/// ```
/// use jackfield::{Client, Exchange, Found, Request, Router};
/// use std::sync::LazyLock;
///
/// enum Route {
///     User,
///     AddUser,
/// }
///
/// static ROUTES: LazyLock<Router<Route>> = LazyLock::new(|| {
///     let routes = Router::builder().get("/users/{id}", Route::User).post("/users", Route::AddUser);
///     routes.build().expect("the paths are right")
/// });
///
/// struct Users;
///
/// impl Client for Users {
///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
///         match ROUTES.at(request) {
///             Found::Route(Route::User, params) => match params.parse::<u64>("id") {
///                 Some(id) => exchange.ok("text/plain", format!("user {id}")),
///                 None => exchange.not_found(),
///             },
///             Found::Route(Route::AddUser, _) => exchange.respond(201, "text/plain", "welcome"),
///             other => other.refuse(exchange),
///         }
///     }
/// }
/// ```
#[doc(alias = "AddGetHandler")]
#[doc(alias = "setDynamicHandler")]
#[doc(alias = "setHandler")]
pub struct Router<R> {
    entries: Vec<Entry<R>>,
    /// Paths without parameters, which have priority, with the index of their entries.
    literal: PathTable<usize>,
    /// How long they are: a bit for each length modulo 64.
    literal_lengths: u64,
    /// Paths whose only parameter is their last segment, by what comes before its `/`: their entries, and its name. They come
    /// next. A path for which the tree could find another entry is missing here.
    last: PathTable<(usize, Box<str>)>,
    /// All paths.
    tree: matchit::Router<usize>,
    websocket_paths: Vec<String>,
}

type PathTable<T> = HashMap<Box<str>, T, BuildHasherDefault<PathHasher>>;

/// Collects routes, for a [`Router`].
#[derive(Clone, Debug)]
pub struct Routes<R> {
    paths: Vec<(String, Entry<R>)>,
}

/// The routes of one path.
#[derive(Clone, Debug)]
struct Entry<R> {
    /// In the order in which they were given.
    methods: Vec<(String, R)>,
    /// The index of the route for GET, because most requests are GET.
    get: Option<usize>,
    /// For WebSockets: one at most, once they are checked.
    websockets: Vec<R>,
    /// The value of `Allow`.
    allow: String,
}

/// The result of a look-up.
#[derive(Debug)]
#[non_exhaustive]
#[doc(alias = "setDefaultHandler")]
pub enum Found<'r, 'b, R> {
    /// A route, and the parameters of its path.
    Route(&'r R, Params<'r, 'b>),
    /// An OPTIONS request for a path whose routes don't include OPTIONS. The value is for `Allow`.
    Options(&'r str),
    /// The path has routes, but for other methods. The value is for `Allow`.
    NotAllowed(&'r str),
    /// A GET that asks for no WebSocket, for a path that has only a route for WebSockets.
    UpgradeRequired,
    /// The path has no route.
    NotFound,
    /// A parameter of the path is not UTF-8 when it is decoded.
    Malformed,
}

/// The parameters of a path.
#[derive(Debug)]
pub struct Params<'r, 'b>(Matched<'r, 'b>);

/// How a path was found, and its parameters.
#[derive(Debug)]
enum Matched<'r, 'b> {
    Literal,
    Last(&'r str, &'b str),
    Tree(matchit::Params<'r, 'b>),
}

/// A hash of a few instructions. The table has only the program's own paths, so no attacker can make entries collide.
#[derive(Default)]
struct PathHasher(u64);

/// What is wrong with some routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterError(Vec<String>);

impl<R> Routes<R> {
    /// A route for this method. Upper and lower case are different.
    #[must_use]
    #[doc(alias = "addHttpMethod")]
    pub fn route(mut self, method: &str, path: &str, route: R) -> Self {
        self.entry(path).methods.push((method.into(), route));
        self
    }

    /// For GET, and for HEAD unless that has a route of its own.
    #[must_use]
    pub fn get(self, path: &str, route: R) -> Self {
        self.route("GET", path, route)
    }

    /// For POST.
    #[must_use]
    pub fn post(self, path: &str, route: R) -> Self {
        self.route("POST", path, route)
    }

    /// For PUT.
    #[must_use]
    pub fn put(self, path: &str, route: R) -> Self {
        self.route("PUT", path, route)
    }

    /// For PATCH.
    #[must_use]
    pub fn patch(self, path: &str, route: R) -> Self {
        self.route("PATCH", path, route)
    }

    /// For DELETE.
    #[must_use]
    pub fn delete(self, path: &str, route: R) -> Self {
        self.route("DELETE", path, route)
    }

    /// For WebSockets: what [`Router::websocket_at`] finds. [`Router::websocket_paths`] tells the server about all of these
    /// paths. A GET that asks for no WebSocket gets 426 here, unless the path has a route for GET too.
    #[must_use]
    pub fn websocket(mut self, path: &str, route: R) -> Self {
        self.entry(path).websockets.push(route);
        self
    }

    /// The router of these routes.
    ///
    /// # Errors
    /// All mistakes: paths that don't begin with `/`, that are malformed, or that match the same as another, and a
    /// method or a WebSocket that was given twice.
    pub fn build(self) -> Result<Router<R>, RouterError> {
        let (mut tree, mut literal, mut faults) = (matchit::Router::new(), PathTable::default(), Vec::new());
        let last = last_parameters(self.paths.iter().map(|(path, _)| path.as_str()));
        let paths = self.paths.iter().map(|(path, entry)| (path.as_str(), !entry.websockets.is_empty()));
        let websocket_paths = websocket_paths::list(paths);
        let mut entries = Vec::new();
        for (path, mut entry) in self.paths {
            if !path.starts_with('/') {
                faults.push(format!("`{path}` does not begin with `/`"));
            }
            faults.extend(entry.twice().into_iter().map(|method| format!("`{path}` has {method} twice")));
            entry.allow = entry.allowed().join(", ");
            entry.get = entry.methods.iter().position(|(method, _)| method == "GET");
            if let Err(error) = tree.insert(path.clone(), entries.len()) {
                faults.push(format!("`{path}`: {error}"));
            }
            // Doubled braces stand for braces, and the tree handles them.
            if !path.contains(['{', '}']) {
                literal.insert(path.into(), entries.len());
            }
            entries.push(entry);
        }
        if !faults.is_empty() {
            return Err(RouterError(faults));
        }
        let literal_lengths = literal.keys().fold(0, |bits, path| bits | length_bit(path));
        Ok(Router { entries, literal, literal_lengths, last, tree, websocket_paths })
    }

    fn entry(&mut self, path: &str) -> &mut Entry<R> {
        let at = self.paths.iter().position(|(known, _)| known == path).unwrap_or_else(|| {
            let (methods, websockets) = (Vec::new(), Vec::new());
            let entry = Entry { methods, get: None, websockets, allow: String::new() };
            self.paths.push((path.into(), entry));
            self.paths.len() - 1
        });
        &mut self.paths[at].1
    }
}

impl<R> Entry<R> {
    fn of(&self, method: &str) -> Option<&R> {
        self.methods.iter().find(|(known, _)| known == method).map(|(_, route)| route)
    }

    fn get(&self) -> Option<&R> {
        self.get.map(|at| &self.methods[at].1)
    }

    /// All that was given more than once, each once.
    fn twice(&self) -> Vec<&str> {
        let mut twice = Vec::new();
        for (at, (method, _)) in self.methods.iter().enumerate() {
            if self.methods[..at].iter().any(|(known, _)| known == method)
                && !twice.contains(&method.as_str())
            {
                twice.push(method.as_str());
            }
        }
        twice.extend((self.websockets.len() > 1).then_some("WebSocket"));
        twice
    }

    /// The methods that are allowed here, also those that need no route.
    fn allowed(&self) -> Vec<&str> {
        let mut allowed: Vec<&str> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        if !self.websockets.is_empty() && !allowed.contains(&"GET") {
            allowed.push("GET");
        }
        if self.of("GET").is_some() && !allowed.contains(&"HEAD") {
            allowed.push("HEAD");
        }
        if !allowed.contains(&"OPTIONS") {
            allowed.push("OPTIONS");
        }
        allowed
    }
}

impl<R> Router<R> {
    /// No routes yet.
    #[must_use]
    pub const fn builder() -> Routes<R> {
        Routes { paths: Vec::new() }
    }

    /// What a request asks for.
    pub fn at<'r, 'b>(&'r self, request: &Request<'b>) -> Found<'r, 'b, R> {
        let method = request.method();
        let found = self.find(request.path(), |entry| match method {
            "GET" => entry.get(),
            "HEAD" => entry.of("HEAD").or_else(|| entry.get()),
            _ => entry.of(method),
        });
        match found {
            Found::NotAllowed(allow) if method == "OPTIONS" => Found::Options(allow),
            // It is allowed, but only for a WebSocket.
            Found::NotAllowed(allow) if method == "GET" && allows_get(allow) => Found::UpgradeRequired,
            other => other,
        }
    }

    /// What a request for a WebSocket asks for, in `on_upgrade`.
    pub fn websocket_at<'r, 'b>(&'r self, request: &Request<'b>) -> Found<'r, 'b, R> {
        self.find(request.path(), |entry| entry.websockets.first())
    }

    /// The paths that have a route for WebSockets, for
    /// [`ServerBuilder::websocket_paths`](crate::ServerBuilder::websocket_paths): at all other paths a request for a WebSocket
    /// is then an ordinary request. Before a path with parameters there are, after a `!`, the paths of other routes that have priority
    /// over it.
    ///
    /// ```
    /// use jackfield::{Router, Server};
    ///
    /// let routes = Router::builder().get("/", "page").websocket("/rooms/{name}", "room").build()?;
    /// let builder = Server::builder().listen("127.0.0.1:0").websocket_paths(routes.websocket_paths());
    /// # builder.bind()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn websocket_paths(&self) -> impl Iterator<Item = &str> {
        self.websocket_paths.iter().map(String::as_str)
    }

    fn find<'r, 'b>(
        &'r self,
        path: &'b str,
        of: impl FnOnce(&'r Entry<R>) -> Option<&'r R>,
    ) -> Found<'r, 'b, R> {
        let Some((entry, params)) = self.entry(path) else { return Found::NotFound };
        match of(entry) {
            None => Found::NotAllowed(&entry.allow),
            Some(_) if !params.are_text(path) => Found::Malformed,
            Some(route) => Found::Route(route, params),
        }
    }

    fn entry<'r, 'b>(&'r self, path: &'b str) -> Option<(&'r Entry<R>, Params<'r, 'b>)> {
        if self.literal_lengths & length_bit(path) != 0 {
            if let Some(at) = self.literal.get(path) {
                return Some((&self.entries[*at], Params(Matched::Literal)));
            }
        }
        if let Some((at, name, value)) = self.find_last(path) {
            return Some((&self.entries[at], Params(Matched::Last(name, value))));
        }
        let matched = self.tree.at(path).ok()?;
        Some((&self.entries[*matched.value], Params(Matched::Tree(matched.params))))
    }

    /// The entry of a path whose only parameter is the last segment, and the parameter.
    fn find_last<'r, 'b>(&'r self, path: &'b str) -> Option<(usize, &'r str, &'b str)> {
        let slash = memrchr(b'/', path.as_bytes())?;
        let (at, name) = self.last.get(&path[..slash])?;
        let value = &path[slash + 1..];
        (!value.is_empty()).then_some((*at, name, value))
    }
}

impl<R> Found<'_, '_, R> {
    /// Answers if there is no route: with 404, with 405 or 204 and `Allow`, with 400, or with 426 and `Upgrade: websocket`. (If
    /// it has a route, the answer is a 500.)
    pub fn refuse(self, exchange: Exchange<'_>) {
        let (status, allow) = match self {
            Self::Route(..) => return exchange.error(500),
            Self::NotFound => return exchange.not_found(),
            Self::Malformed => return exchange.error(400),
            Self::UpgradeRequired => return exchange.error(426),
            Self::Options(allow) => (204, allow),
            Self::NotAllowed(allow) => (405, allow),
        };
        // A method is a token, so the line can be written; otherwise the answer is a 500.
        let _ = exchange.response(status).header("Allow", allow).body("", "");
    }
}

impl<'b> Params<'_, 'b> {
    /// The parameter of this name, decoded. `None`: the path of the route has none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'b, str>> {
        percent_decode_str(self.raw(name)?).decode_utf8().ok()
    }

    /// The same, parsed as another type. `None` also if it can't be parsed.
    #[must_use]
    pub fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// The parameter of this name as it was sent.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'b str> {
        match &self.0 {
            Matched::Literal => None,
            Matched::Last(known, value) => (*known == name).then_some(*value),
            Matched::Tree(params) => params.get(name),
        }
    }

    /// All of them, as they were sent, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'b str)> {
        let (last, tree) = match &self.0 {
            Matched::Literal => (None, None),
            Matched::Last(name, value) => (Some((*name, *value)), None),
            Matched::Tree(params) => (None, Some(params)),
        };
        last.into_iter().chain(tree.into_iter().flat_map(matchit::Params::iter))
    }

    fn are_text(&self, path: &str) -> bool {
        match &self.0 {
            Matched::Literal => true,
            Matched::Last(_, value) => is_text(value),
            Matched::Tree(_) => has_no_escape(path) || self.iter().all(|(_, value)| is_text(value)),
        }
    }
}

fn has_no_escape(text: &str) -> bool {
    memchr(b'%', text.as_bytes()).is_none()
}

/// Whether a parameter is UTF-8 when it is decoded.
fn is_text(value: &str) -> bool {
    has_no_escape(value) || percent_decode_str(value).decode_utf8().is_ok()
}

fn length_bit(path: &str) -> u64 {
    1 << (path.len() % 64)
}

/// The paths whose only parameter is their last segment, with their indices.
fn last_parameters<'p>(paths: impl Iterator<Item = &'p str> + Clone) -> PathTable<(usize, Box<str>)> {
    let with_parameter = paths.enumerate().filter_map(|(at, path)| Some((at, first_parameter(path)?)));
    let mut last = PathTable::default();
    for (at, (before, segment, is_last)) in with_parameter.clone() {
        if let Some(name) = whole_name(segment).filter(|name| is_last && !name.starts_with('*')) {
            last.insert(before.into(), (at, name.into()));
        }
    }
    // A segment that is a parameter in part is preferred to one that is a parameter as a whole: the tree compares them.
    for (_, (before, segment, _)) in with_parameter {
        if whole_name(segment).is_none() {
            last.remove(before);
        }
    }
    last
}

/// The first segment of a route's path that has a brace, after what comes before its `/`, and whether it is the last.
fn first_parameter(path: &str) -> Option<(&str, &str, bool)> {
    let (before, _) = path[..path.find(['{', '}'])?].rsplit_once('/')?;
    let rest = &path[before.len() + 1..];
    let segment = rest.split('/').next()?;
    Some((before, segment, segment.len() == rest.len()))
}

/// The name of the parameter that is this whole segment.
fn whole_name(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    (!name.contains(['{', '}'])).then_some(name)
}

/// Whether this value of `Allow` has GET.
fn allows_get(allow: &str) -> bool {
    allow.split(", ").any(|method| method == "GET")
}

impl Hasher for PathHasher {
    /// Hashes words of eight bytes; the last may overlap the one before it.
    #[inline]
    fn write(&mut self, path: &[u8]) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let word = |word: &[u8; 8]| u64::from_le_bytes(*word);
        let bytes = || path.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let last = path.last_chunk().map_or_else(bytes, word);
        let words = path.chunks_exact(8).filter_map(|bytes| bytes.first_chunk().map(word));
        self.0 = words.fold(last.wrapping_mul(ODD), |hash, word| (hash ^ word).wrapping_mul(ODD));
    }

    /// Ignored: it marks the end of a text, and only one text is hashed.
    #[inline]
    fn write_u8(&mut self, _end: u8) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl<R> fmt::Debug for Router<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl fmt::Display for RouterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the routes are wrong: {}", self.0.join("; "))
    }
}

impl std::error::Error for RouterError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::PathList;

    const SEGMENTS: [&str; 8] = ["a", "ab", "{p}", "{p}.j", "a{p}", "{*r}", "a{*r}", "{{a}}"];
    const SENT: [&str; 6] = ["", "a", "ab", "b.j", "abc", "{a}"];

    /// All paths that are made of these segments, up to so many in a path.
    fn paths(segments: &[&str], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..most {
            let longer =
                all[from..].iter().flat_map(|path| segments.iter().map(move |one| format!("{path}/{one}")));
            let longer: Vec<_> = longer.collect();
            from = all.len();
            all.extend(longer);
        }
        all.split_off(1)
    }

    /// The tables are faster than the tree, and find what it finds.
    #[test]
    fn the_tables_find_what_the_tree_finds() {
        let (routes, sent) = (paths(&SEGMENTS, 2), paths(&SENT, 3));
        let mut by_last = 0;
        for (at, first) in routes.iter().enumerate() {
            for second in &routes[at + 1..] {
                let routes = ["/a/{p}", first.as_str(), second.as_str()].map(|path| (path.to_owned(), path));
                let builder =
                    routes.iter().fold(Router::builder(), |all, (path, route)| all.get(path, *route));
                let Ok(router) = builder.build() else { continue };
                for path in &sent {
                    let found = router.entry(path).map(|(entry, params)| {
                        by_last += usize::from(matches!(params.0, Matched::Last(..)));
                        let params: Vec<_> =
                            params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                        (entry.get(), params)
                    });
                    let expected = router.tree.at(path).ok().map(|found| {
                        let params = found.params.iter().map(|(name, value)| format!("{name}={value}"));
                        (router.entries[*found.value].get(), params.collect())
                    });
                    assert_eq!(found, expected, "{path} of {first} and {second}");
                }
            }
        }
        assert!(by_last > 1000, "{by_last} by the table");
    }

    /// Whether a WebSocket may begin says the list, without the tree. (Where the tree finds nothing the list may have a path: the
    /// tree does not try a parameter again with another end of its segment.)
    #[test]
    fn i401_the_list_of_websocket_paths_says_what_the_tree_finds() {
        let (routes, sent) = (paths(&SEGMENTS, 2), paths(&SENT, 2));
        let mut exceptions = 0;
        for (at, first) in routes.iter().enumerate() {
            for second in &routes[at + 1..] {
                for [page, room] in [[first, second], [second, first]] {
                    let builder = Router::builder().get("/a/{p}", ()).get(page, ()).websocket(room, ());
                    let Ok(router) = builder.build() else { continue };
                    let list = PathList(router.websocket_paths().map(str::to_owned).collect());
                    exceptions += list.0.len() - 1;
                    for path in &sent {
                        let Some((entry, _)) = router.entry(path) else { continue };
                        let expected = !entry.websockets.is_empty();
                        assert_eq!(list.contains(path), expected, "{path} of {page}, and {room} in {list:?}");
                    }
                }
            }
        }
        assert!(exceptions > 100, "{exceptions} exceptions");
    }
}
