//! Query strings, cookies and forms of a request.

use super::{Cookies, Multipart, MultipartError, Pairs, cookies, is_urlencoded, query, urlencoded};
use crate::http1::Request;

/// Query strings, cookies and forms (feature `forms`). See [`forms`](crate::forms).
impl<'b> Request<'b> {
    /// The pairs of the query string, decoded, in order. Empty if there is no query.
    ///
    /// ```no_run
    /// # fn page(request: &jackfield_proto::http1::Request<'_>) -> u32 {
    /// let page = request.query_pairs().find(|(name, _)| name == "page");
    /// page.and_then(|(_, page)| page.parse().ok()).unwrap_or(1)
    /// # }
    /// ```
    #[must_use]
    pub fn query_pairs(&self) -> Pairs<'b> {
        query(self.query().unwrap_or_default())
    }

    /// The cookies of all `Cookie` fields, as they were sent, in order.
    pub fn cookies(&self) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.header_all("cookie").flat_map(|field| -> Cookies<'b> { cookies(field) })
    }

    /// The first cookie with this name. The case of the name matters.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&'b str> {
        self.cookies().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// The pairs of a body that is `application/x-www-form-urlencoded`, decoded. `None` if it has another type: answer with
    /// 415. The body must have been collected.
    #[must_use]
    pub fn form(&self) -> Option<Pairs<'b>> {
        is_urlencoded(self.header_str("content-type")?).then(|| urlencoded(self.body()))
    }

    /// The parts of a body that is `multipart/form-data`. The body must have been collected.
    ///
    /// # Errors
    ///
    /// As [`Multipart::new`]. Answer with [`MultipartError::status`].
    pub fn multipart(&self) -> Result<Multipart<'b>, MultipartError> {
        Multipart::new(self.header_str("content-type").unwrap_or_default(), self.body())
    }
}
