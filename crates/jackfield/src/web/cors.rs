//! CORS: which pages of other origins may read answers (the Fetch standard).

use crate::client::{Exchange, ResponseBuilder, ResponseTarget};
use jackfield_proto::http1::{Origin, Request};
use std::time::Duration;

/// Which pages of other origins may read answers: the CORS protocol of the Fetch standard.
///
/// [`Cors::preflight`] answers the preflight request of a browser, and [`Cors::allow`] adds the header lines to an answer.
/// A page of another origin gets answers without these lines and can't read them. This does not prevent requests, which a
/// page may send anyway.
///
/// ```
/// use jackfield::{Client, Cors, Exchange, Request};
/// use std::rc::Rc;
///
/// struct Api {
///     cors: Rc<Cors>,
/// }
///
/// impl Client for Api {
///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
///         let Some(exchange) = self.cors.preflight(exchange, request) else { return };
///         let answer = self.cors.allow(exchange.response(200), request);
///         let _ = answer.body("text/plain", "for pages of the list too");
///     }
/// }
///
/// let cors = Cors::origins(["https://a.example"]).methods(["GET", "PUT"]).headers(["X-Token"]);
/// ```
///
/// An [`Authenticator`](crate::Authenticator) decides before the client sees a request, and a browser sends no credentials
/// with a preflight request. So an authenticator has to let these pass:
///
/// ```
/// use jackfield::{Access, Authenticator, Cors, Request, bearer, is_same_secret};
/// use std::net::SocketAddr;
///
/// struct Token(String);
///
/// impl Authenticator for Token {
///     fn check(&self, request: &Request<'_>, _peer: Option<SocketAddr>) -> Access {
///         let is_known = bearer(request).is_some_and(|token| is_same_secret(token, &self.0));
///         if is_known || Cors::is_preflight(request) { Access::Allow } else { Access::Challenge("Bearer".into()) }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Cors {
    /// `None`: any origin.
    origins: Option<Vec<String>>,
    methods: String,
    headers: String,
    exposes: String,
    max_age: Option<u64>,
    credentials: bool,
}

impl Cors {
    /// For pages of these origins, such as `https://a.example` or `http://localhost:3000`. Scheme, host and port are compared; a
    /// missing port is the default port of the scheme (RFC 6454 section 5). What is no origin matches only the same text, such
    /// as `null`.
    pub fn origins<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Self {
        Self::new(Some(origins.into_iter().map(Into::into).collect()))
    }

    /// For pages of any origin: use it only for data that everyone may read. Requests with cookies are never allowed
    /// then. Each answer says so, also one to a request without `Origin`: a cache may give it to a page later.
    #[must_use]
    pub fn any_origin() -> Self {
        Self::new(None)
    }

    fn new(origins: Option<Vec<String>>) -> Self {
        let (methods, headers, exposes) = ("GET, HEAD, POST".into(), String::new(), String::new());
        Self { origins, methods, headers, exposes, max_age: None, credentials: false }
    }

    /// The methods that a page may use. Default: GET, HEAD and POST.
    #[must_use]
    pub fn methods<'m>(mut self, methods: impl IntoIterator<Item = &'m str>) -> Self {
        self.methods = list(methods);
        self
    }

    /// The fields that a page may send besides those that are always allowed. Default: none.
    #[must_use]
    pub fn headers<'h>(mut self, headers: impl IntoIterator<Item = &'h str>) -> Self {
        self.headers = list(headers);
        self
    }

    /// The fields of answers that a page may read besides those that are always allowed. Default: none.
    #[must_use]
    pub fn exposes<'h>(mut self, headers: impl IntoIterator<Item = &'h str>) -> Self {
        self.exposes = list(headers);
        self
    }

    /// Lets pages of the listed origins send cookies and passwords along. Default: no.
    #[must_use]
    pub fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// For how long a browser may keep the answer to a preflight request, in whole seconds. Default: the browser
    /// decides.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age.as_secs());
        self
    }

    /// Whether this is a browser's preflight request: `OPTIONS` with an origin and the method that is to come.
    #[must_use]
    pub fn is_preflight(request: &Request<'_>) -> bool {
        let has = |name| request.header(name).is_some();
        request.method() == "OPTIONS" && has("origin") && has("access-control-request-method")
    }

    /// Answers a browser's preflight request with 204, or with 403 if the page is not allowed, and returns `None`. Any
    /// other request is given back.
    pub fn preflight<'a>(&self, exchange: Exchange<'a>, request: &Request<'_>) -> Option<Exchange<'a>> {
        let method = request.header("access-control-request-method");
        let Some(method) = method.filter(|_| Self::is_preflight(request)) else { return Some(exchange) };
        let fields = request.header_all("access-control-request-headers");
        let mut fields = fields.flat_map(|field| field.split(|byte| *byte == b','));
        let is_allowed = self.allowed(request).is_some()
            && has(&self.methods, method)
            && fields.all(|field| has(&self.headers, field));
        let answer = match is_allowed {
            true => self.describe(self.allow(exchange.response(204), request)),
            false => vary(exchange.response(403)),
        };
        // If a header line can't be written, the answer is a 500.
        let _ = answer.body("", "");
        None
    }

    /// Adds the header lines to an answer that let the page read it, if the page is allowed.
    #[must_use]
    pub fn allow<T: ResponseTarget>(
        &self,
        answer: ResponseBuilder<T>,
        request: &Request<'_>,
    ) -> ResponseBuilder<T> {
        let answer = if self.origins.is_some() { vary(answer) } else { answer };
        let Some(origin) = self.allowed(request) else { return answer };
        let mut answer = answer.header("Access-Control-Allow-Origin", origin);
        if self.credentials && self.origins.is_some() {
            answer = answer.header("Access-Control-Allow-Credentials", "true");
        }
        match &*self.exposes {
            "" => answer,
            exposes => answer.header("Access-Control-Expose-Headers", exposes),
        }
    }

    fn describe<T: ResponseTarget>(&self, mut answer: ResponseBuilder<T>) -> ResponseBuilder<T> {
        answer = answer.header("Access-Control-Allow-Methods", &self.methods);
        if !self.headers.is_empty() {
            answer = answer.header("Access-Control-Allow-Headers", &self.headers);
        }
        match self.max_age {
            Some(seconds) => answer.header("Access-Control-Max-Age", seconds),
            None => answer,
        }
    }

    /// The origin that the answer names, if the page may read it: as its browser has written it, which compares the text. With
    /// any origin it does not depend on the request (Fetch standard, "CORS protocol and HTTP caches").
    fn allowed<'b>(&self, request: &Request<'b>) -> Option<&'b str> {
        let Some(origins) = &self.origins else { return Some("*") };
        let text = request.header_str("origin")?;
        let origin = Origin::parse(text);
        let is_same = |known: &String| known == text || (origin.is_some() && Origin::parse(known) == origin);
        origins.iter().any(is_same).then_some(text)
    }
}

/// Tells caches that answers differ by origin.
fn vary<T: ResponseTarget>(answer: ResponseBuilder<T>) -> ResponseBuilder<T> {
    answer.header("Vary", "Origin")
}

fn list<'m>(names: impl IntoIterator<Item = &'m str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Whether a name is in a list; case does not matter. An empty name is in every list.
fn has(list: &str, name: &[u8]) -> bool {
    let name = name.trim_ascii();
    name.is_empty() || list.split(", ").any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}
